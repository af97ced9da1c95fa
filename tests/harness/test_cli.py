"""The map of commands."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import COMMANDS


def harness(repo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=repo, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_map_says(name: str) -> None:
    place = COMMANDS[name]
    assert hasattr(importlib.import_module(place.module), place.attribute)


def test_the_help_lists_every_command(repo: Path) -> None:
    done = harness(repo, "--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if f" {name} " not in done.stdout] == []


@pytest.mark.parametrize("arguments", [("nope",), ("run", "--breweries", "none"), ("render",)])
def test_a_wrong_command_line_is_a_usage_error(repo: Path, arguments: tuple[str, ...]) -> None:
    done = harness(repo, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_command_loads_no_other_command(repo: Path) -> None:
    """A reviewer's `harness diff` should not wait for what only the pipeline needs."""
    code = (
        "import sys; from harness.cli import app\n"
        "try: app(['diff', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('harness.pipeline.embedded', 'fsspec', 'kubernetes', 'pyspark', 'cryptography')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
