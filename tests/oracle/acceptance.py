"""Compares the review with the oracle on real repositories, and measures it: minutes for each.

python -m tests.oracle.acceptance FOLDER [--commits 5] [--only NAME]

FOLDER holds clones. Each of the newest commits that touch YAML is reviewed against its parent, with an empty cache
and again with a full one. Then both sides are built whole, and what the review lacks or has too much is listed.
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.machine.tools import tool
from tests.oracle.manifests import Folder, compare, truth
from tests.oracle.measured import measured

_HEADER: Final = (
    "| repository | commits | roots | changed | unreported | falsely | not built | cold s | warm s | MB |\n"
    "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
)


class _RefusedError(ValueError):
    """Why a repository is not reviewed at all, as when there is nothing in it that is deployed."""


@dataclass
class Row:
    """What came of one repository; seconds of processor time and memory are those of the largest review.

    Attributes:
        refused: Why there is no review.
    """

    repository: str
    refused: str = ""
    commits: int = 0
    roots: int = 0
    changed: int = 0
    unreported: list[str] = field(default_factory=list)
    falsely: list[str] = field(default_factory=list)
    unbuilt: int = 0
    cold: float = 0.0
    warm: float = 0.0
    megabytes: int = 0

    def __str__(self) -> str:
        if self.refused:
            return f"| {self.repository} | {self.refused} |{' |' * 8}"
        counts = (self.commits, self.roots, self.changed, len(self.unreported), len(self.falsely), self.unbuilt)
        measured = (f"{self.cold:.1f}", f"{self.warm:.1f}", str(self.megabytes))
        return f"| {' | '.join([self.repository, *map(str, counts), *measured])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commits", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rows = []
    for clone in sorted(path for path in options.folder.iterdir() if options.only in path.name):
        try:
            rows.append(_judge(clone, options.commits))
        except _RefusedError as error:
            rows.append(Row(clone.name, str(error)))
        print(_HEADER, *rows, sep="\n", flush=True)  # noqa: T201 - a program
    sys.exit(any(row.unreported or row.falsely for row in rows))


def _judge(clone: Path, count: int) -> Row:
    row = Row(clone.name)
    asked = ("log", f"-{count}", "--first-parent", "--no-merges", "--format=%H", "--", "*.yaml", "*.yml", ":!.*")
    for commit in _git(clone, *asked).split():
        with tempfile.TemporaryDirectory(prefix="acceptance-") as name:
            folder = Path(name)
            cold, seconds, size = _review(clone, commit, folder)
            warm, seconds_again, size_again = _review(clone, commit, folder)
            assert warm == cold
        sides = [_truth(clone, _git(clone, "rev-parse", f"{side}^{{tree}}")) for side in (commit, f"{commit}~")]
        verdict = compare(sides[1], sides[0], cold)
        row.commits += 1
        row.roots = max(row.roots, len(sides[0]))
        row.changed += len(verdict.changed)
        row.unreported += [f"{commit[:10]} {item}" for item in verdict.unreported]
        row.falsely += [f"{commit[:10]} {item}" for item in verdict.falsely]
        row.unbuilt = max(row.unbuilt, len(verdict.unbuilt))
        row.cold, row.warm = max(row.cold, seconds), max(row.warm, seconds_again)
        row.megabytes = max(row.megabytes, size, size_again)
        lines = [f"unreported {item}" for item in verdict.unreported] + [
            f"falsely {item}" for item in verdict.falsely
        ]
        print(commit[:10], cold["headline"], *lines, row, sep="\n  ", file=sys.stderr, flush=True)  # noqa: T201 - a program
    return row


def _review(clone: Path, commit: str, folder: Path) -> tuple[dict[str, Any], float, int]:
    """The review of a commit, the seconds of processor time, and the megabytes of the largest process."""
    target = folder / "review.json"
    target.unlink(missing_ok=True)
    arguments = ["diff", f"{commit}~", commit, "-C", str(clone), "--direct", "--format", "json", "-o", str(target)]
    done = measured(arguments, folder)
    if not target.exists():
        raise _RefusedError(done.said)
    review: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return review, done.seconds, done.megabytes


@functools.lru_cache(maxsize=1)
def _truth(clone: Path, tree: str) -> dict[str, Folder]:
    """What a tree deploys; the one before a commit is most often the one after the next."""
    with tempfile.TemporaryDirectory(prefix="acceptance-") as name:
        archive = subprocess.Popen(["git", "archive", tree], cwd=clone, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", name], stdin=archive.stdout, check=True)
        archive.wait()
        return truth(Path(name), tool("kustomize"))


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=clone, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
