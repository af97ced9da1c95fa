"""What a report of pytest in JUnit's format says of scenarios that did not all pass."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

_OURS: Final = ("harness.", "tests.live.")
_LONGEST: Final = 500


def first_failure(report: Path) -> str | None:
    """The first failed test with its own words, and how many others failed; None when none did."""
    failures = [
        (f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '')}", failure.get("message", ""))
        # pytest wrote it on this machine.
        for case in ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest's own
        if (failure := next((child for child in case if child.tag in ("failure", "error")), None)) is not None
    ]
    if not failures:
        return None
    test, message = failures[0]
    more = f" ({len(failures) - 1} more failed after it)" if len(failures) > 1 else ""
    return f"{test}{more}: {_words(message)}"


def any_ran(report: Path) -> bool:
    return ET.parse(report).getroot().find(".//testcase") is not None  # noqa: S314 - pytest's own


def _words(message: str) -> str:
    """The first line that says something, without the name of an exception of ours."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    for prefix in ("failed on setup with ", '"'):
        line = line.removeprefix(prefix)
    name, _, rest = line.partition(": ")
    if rest and name.endswith("Error") and name.startswith(_OURS):
        line = rest
    return line.rstrip('"')[:_LONGEST]
