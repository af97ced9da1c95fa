"""The quickstart works as written: its commands run in a copy of the checkout and print what the page shows."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.processes import started

PAGE = ROOT / "docs" / "quickstart.md"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of its own with the files of this checkout, as they are."""
    copy = tmp_path_factory.mktemp("quickstart") / "checkout"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    git = ["git", "-c", "user.name=Reader", "-c", "user.email=reader@example.com"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Start"]):
        subprocess.run([*git, *arguments], cwd=copy, check=True)
    return copy


def steps(heading: str) -> Iterator[tuple[str, str]]:
    """Each command in the consoles below a heading, with the output that the page shows."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for console in re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            yield command, output


def shows(expected: str, actual: str) -> bool:
    """Whether the output is as shown; `…` stands for anything, on a line of its own for any lines."""
    lines = [re.escape(line.rstrip()).replace("…", ".*") + "\n" for line in expected.splitlines()]
    pattern = "".join("(?:.*\n)*" if line == ".*\n" else line for line in lines)
    trimmed = "".join(f"{line.rstrip()}\n" for line in actual.rstrip().splitlines())
    return re.fullmatch(pattern, trimmed) is not None


@pytest.mark.parametrize(
    "heading",
    [
        pytest.param(
            "1. Run the pipeline",
            marks=[
                pytest.mark.embedded,
                pytest.mark.spark,
                pytest.mark.airflow,
            ],
        ),
        pytest.param("2. Review a change", marks=pytest.mark.tools),
    ],
)
def test_every_command_prints_what_the_page_shows(checkout: Path, heading: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = list(steps(heading))
    assert commands
    for command, output in commands:
        with started(
            ["bash", "-c", command],
            cwd=checkout,
            env={**os.environ, "PATH": path, "COLUMNS": "120"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            printed, _ = process.communicate()
        assert shows(output, printed), f"$ {command}\n{printed}"


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("took … s\n", "took 3.2 s\n", True),
        ("took … s\n", "took 3.2 min\n", False),
        ("a\nb\n", "a\n", False),
        ("", "error\n", False),
    ],
)
def test_an_ellipsis_stands_for_anything(expected: str, actual: str, same: bool) -> None:
    assert shows(expected, actual) == same
