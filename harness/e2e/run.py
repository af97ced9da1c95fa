"""The phases of `harness e2e`, each one a command that can be given by hand as well."""

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness.cluster.cluster import Cluster
from harness.deploy.phases import Phases
from harness.e2e.results import read
from harness.errors import HarnessError
from harness.paths import ROOT, RUN_DIR

ENVIRONMENT: Final = "e2e"
FOLDER: Final = RUN_DIR / "e2e"
"""Reports and logs."""
REPORT: Final = FOLDER / "report.xml"

Run = Callable[[Sequence[str]], int]
"""Runs a command with this process's own input and output, and returns its exit code."""


def prove(
    phases: Phases,
    *,
    keyword: str = "",
    keep: bool = False,
    full: bool = False,
    cluster: Cluster | None = None,
    run: Run | None = None,
) -> None:
    """Bring the platform up and run the scenarios.

    Args:
        phases: Told what is going on.
        keyword: Only these scenarios; where the cluster is up, at once.
        keep: Leave a cluster that this makes.
        full: Also the scenarios that break something.
        cluster: Which; that of `harness cluster up` by default.
        run: Runs commands.

    Raises:
        HarnessError: A phase or a scenario failed; the message names the first cause and the logs.
    """
    cluster, run = cluster or Cluster(), run or _run
    made = not cluster.exists()
    try:
        if made:
            _phase(phases, run, "cluster", harness("cluster", "up", "--name", cluster.name))
        if made or not keyword:
            _phase(phases, run, "images", harness("images", "build", ENVIRONMENT))
            _phase(phases, run, "images to the cluster", harness("images", "load", ENVIRONMENT))
            _phase(phases, run, "platform", harness("deploy", ENVIRONMENT))
        REPORT.unlink(missing_ok=True)
        _phase(phases, run, "scenarios", scenarios(keyword, full=full), why=first_cause)
    except HarnessError as error:
        where = bundle(run, cluster)
        raise HarnessError(f"{str(error).rstrip('.')}. {where}", exit_code=error.exit_code) from error
    finally:
        if made and not keep and cluster.exists():
            _phase(phases, run, "cluster removed", harness("cluster", "down", "--name", cluster.name))


def harness(*words: str) -> list[str]:
    """A command of the harness, with this Python."""
    return [sys.executable, "-m", "harness", *words]


def scenarios(keyword: str, *, full: bool) -> list[str]:
    """The command that runs the scenarios."""
    command = [sys.executable, "-m", "pytest", "tests/e2e", "--verbose", "--durations=10", f"--junitxml={REPORT}"]
    if not full:
        command += ["-m", "not full"]
    if keyword:
        command += ["-k", keyword]
    return command


def first_cause() -> str:
    """What the scenarios' report says of the first failure."""
    try:
        results = read(REPORT)
    except OSError:
        return "pytest could not run them"
    return results.sentence if results.failed else "no scenario has that name"


def bundle(run: Run, cluster: Cluster) -> str:
    """Collect the cluster's logs; a sentence that says where they are."""
    if not cluster.exists():
        return "There is no cluster whose logs could tell more."
    moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = FOLDER / f"logs-{moment}"
    code = run(harness("cluster", "logs", "--name", cluster.name, "--output", str(folder)))
    return f"The logs are in {_short(folder)}." if code == 0 else "The logs could not be collected."


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _phase(
    phases: Phases,
    run: Run,
    name: str,
    command: Sequence[str],
    why: Callable[[], str] = lambda: "its error is above",
) -> None:
    phases.tell(f"{name} …")
    start = time.monotonic()
    code = run(command)
    phases.seconds[name] = time.monotonic() - start
    if code:
        raise HarnessError(f"The phase '{name}' failed: {why()}.", exit_code=1)
    minutes, seconds = divmod(round(phases.seconds[name]), 60)
    phases.tell(f"{name}: {minutes} min {seconds} s")


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode
