"""Validates real repositories, and measures it.

python -m tests.oracle.validation FOLDER [--only NAME] [--findings FILE]

FOLDER holds clones, which are validated as they are checked out: with an empty cache, and again with a full one.
`--findings` keeps the findings, to be judged by reading them.
"""

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.oracle.measured import Measured, measured

_HEADER: Final = (
    "| repository | commit | environments | resources | findings | not built | exit | cold s | warm s | MB |\n"
    "| --- | --- | --: | --: | --- | --: | --: | --: | --: | --: |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--findings", type=Path)
    options = parser.parse_args()
    rows, found = [], {}
    for clone in sorted(path for path in options.folder.iterdir() if options.only in path.name):
        with tempfile.TemporaryDirectory(prefix="validation-") as name:
            target = Path(name, "report.json")
            arguments = ["validate", "-C", str(clone), "--offline", "--format", "json", "-o", str(target)]
            runs = [measured(arguments, Path(name)) for _ in range(2)]
            report = json.loads(target.read_text(encoding="utf-8")) if target.exists() else None
        rows.append(_row(clone, report, runs))
        found[clone.name] = report
        print(_HEADER, *rows, sep="\n", flush=True)  # noqa: T201 - a program
        if options.findings:
            options.findings.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _row(clone: Path, report: dict[str, Any] | None, runs: list[Measured]) -> str:
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout.strip()
    cold, warm = runs
    if report is None:
        return f"| {clone.name} | {commit} | {cold.said} |{' |' * 7}"
    counts = Counter(finding["rule"] for finding in report["findings"])
    cells = [
        clone.name,
        commit,
        len(report["environments"]),
        sum(report["resources"].values()),
        ", ".join(f"{count} {rule}" for rule, count in sorted(counts.items())) or "none",
        len(report["not_built"]),
        cold.code,
        f"{cold.seconds:.1f}",
        f"{warm.seconds:.1f}",
        max(run.megabytes for run in runs),
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
