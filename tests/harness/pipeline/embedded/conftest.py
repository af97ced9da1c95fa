"""Runs the real command, as a user would, in processes of its own."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.processes import started


class Cli:
    """`harness run` into one lakehouse."""

    def __init__(self, repo: Path, lakehouse: Path, program: tuple[str, ...] = ("-m", "harness")) -> None:
        self.repo = repo
        self.lakehouse = lakehouse
        self.program = program

    def start(self, *options: str, **environ: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        return started(
            [sys.executable, *self.program, "run", "--lakehouse", str(self.lakehouse), *options],
            cwd=self.repo,
            env={**os.environ, "COLUMNS": "200", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        with self.start(*options, **environ) as process:
            stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def succeed(self, *options: str) -> str:
        """Run it to its good end; what it printed."""
        done = self.run(*options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fail(self, code: int, *options: str, **environ: str) -> str:
        """Run it to its bad end; its one sentence."""
        done = self.run(*options, **environ)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr + done.stdout
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, done.stderr
        # What is refused would be refused again.
        assert "starts again" not in done.stderr
        return errors[0].removeprefix("error: ")


@pytest.fixture
def idle(repo: Path, tmp_path: Path) -> Cli:
    """The command, whose worker does no work: without Airflow and Spark it is there within a second."""
    return Cli(repo, tmp_path / "lakehouse", ("-m", "tests.harness.pipeline.embedded.idle"))


@pytest.fixture(scope="module")
def cli(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, with an empty lakehouse for each module."""
    return Cli(repo, tmp_path_factory.mktemp("embedded") / "lakehouse")
