"""What pytest reported, reduced to what somebody wants to know first."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Results:
    """The outcome of a run of pytest.

    Attributes:
        passed: How many tests passed.
        skipped: How many were skipped.
        failed: Names of those that failed, in the order in which they ran.
        first: The first failure's own words: the first line of its message.
    """

    passed: int
    skipped: int
    failed: tuple[str, ...]
    first: str

    @property
    def sentence(self) -> str:
        """The first cause, and how many others there are."""
        more = f" ({len(self.failed) - 1} more failed after it)" if len(self.failed) > 1 else ""
        return f"{self.failed[0]}{more}: {self.first}"


def read(file: Path) -> Results:
    """Read a report in JUnit's format, as pytest writes it.

    Raises:
        OSError: There is none.
    """
    passed = skipped = 0
    failed: list[str] = []
    first = ""
    # pytest wrote it on this machine, just now.
    for case in ET.parse(file).getroot().iter("testcase"):  # noqa: S314 - pytest's own
        problem = next((child for child in case if child.tag in ("failure", "error")), None)
        if problem is not None:
            failed.append(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '')}")
            first = first or _words(problem.get("message", ""))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Results(passed, skipped, tuple(failed), first)


def _words(message: str) -> str:
    """The first line that says something, without the exception's name where it has one of ours."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    line = lines[0] if lines else "no message"
    for prefix in ("failed on setup with ", '"'):
        line = line.removeprefix(prefix)
    name, _, rest = line.partition(": ")
    return (
        rest if rest and name.endswith("Error") and name.startswith(("harness.", "tests.live.")) else line
    ).rstrip('"')[:500]
