"""A signal that comes while modules are imported ends the command as any other does."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.exits import ExitCode

CODE = """
import importlib.abc, os, sys

class Killer(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {sign})

sys.meta_path.insert(0, Killer())
sys.argv = ["harness", "validate", "--help"]
import harness.start
harness.start.main()
"""


@pytest.mark.parametrize("module", ["typer", "typer.main", "harness.validate.command", "harness.options"])
@pytest.mark.parametrize(
    ("sign", "code", "says"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, "error: Interrupted.\n"),
        (signal.SIGTERM, ExitCode.TERMINATED, "error: Terminated.\n"),
        (signal.SIGHUP, ExitCode.HUNG_UP, "error: Hung up.\n"),
    ],
)
def test_it_is_one_sentence(repo: Path, module: str, sign: signal.Signals, code: int, says: str) -> None:
    command = [sys.executable, "-c", CODE.format(module=module, sign=int(sign))]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", says)


def test_what_is_ignored_stays_so(repo: Path) -> None:
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    command = [sys.executable, "-c", ignored + CODE.format(module="typer", sign=int(signal.SIGHUP))]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
