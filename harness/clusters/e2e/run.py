"""The phases of `harness e2e`, each of which is a command."""

import datetime as dt
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.deploy.phases import Phases
from harness.clusters.e2e.results import first_failure
from harness.clusters.kind.cluster import DEFAULT_NAME, Cluster
from harness.errors import HarnessError, interrupted
from harness.exits import ExitCode
from harness.paths import ROOT, RUN_DIR


@dataclass(frozen=True)
class Suite:
    """What is deployed and tested.

    Attributes:
        stand_ins: Parts of the names of images, of the tests' environment, that stand in for images that only a
            registry has. Empty where the environment names them itself.
    """

    environment: str
    folder: str
    cluster: str
    stand_ins: tuple[str, ...] = ()


PLATFORM: Final = Suite("e2e", "tests/e2e", DEFAULT_NAME)
# An environment has cluster-wide resources, so that a cluster can have one only.
EKS: Final = Suite("eks", "tests/eks", "lakehouse-eks", stand_ins=("reflector-stand-in",))
FOLDER: Final = RUN_DIR / "e2e"
"""Reports and logs."""
REPORT: Final = FOLDER / "report.xml"

Run = Callable[[Sequence[str]], int]
"""Runs a command and returns its exit code."""


def prove(
    phases: Phases,
    *,
    suite: Suite = PLATFORM,
    keyword: str = "",
    keep: bool = False,
    full: bool = False,
    cluster: Cluster | None = None,
    run: Run | None = None,
) -> None:
    """Brings the platform up and runs the scenarios; with a keyword, a cluster that is up is used as it is."""
    cluster, run = cluster or Cluster(suite.cluster), run or run_to_its_end
    made = not cluster.exists()
    if not made and cluster.lacking:
        raise HarnessError(f"The cluster {cluster.name} has {cluster.lacking}.")
    try:
        if made:
            _phase(phases, run, "cluster", harness("cluster", "up", "--name", cluster.name))
        if made or not keyword:
            _images(phases, run, suite, cluster)
            where = ("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context)
            _phase(phases, run, "platform", harness("deploy", suite.environment, *where))
        REPORT.unlink(missing_ok=True)
        _phase(phases, run, "scenarios", scenarios(keyword, full=full, suite=suite), why=first_cause)
    except HarnessError as error:
        logs = bundle(run, cluster)
        raise HarnessError(f"{str(error).rstrip('.')}. {logs}", exit_code=error.exit_code) from error
    except KeyboardInterrupt as request:
        left = "stays as it is" if cluster.exists() and (keep or not made) else "does not stay"
        raise interrupted(request, f"the cluster {cluster.name} {left}") from None
    finally:
        if made and not keep and cluster.exists():
            _phase(phases, run, "cluster removed", harness("cluster", "down", "--name", cluster.name))


def harness(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words]


def scenarios(keyword: str, *, full: bool, suite: Suite = PLATFORM) -> list[str]:
    command = [sys.executable, "-m", "pytest", suite.folder, "--verbose", "--durations=10", f"--junitxml={REPORT}"]
    if not full:
        command += ["-m", "not full"]
    if keyword:
        command += ["-k", keyword]
    return command


def first_cause() -> str:
    try:
        return first_failure(REPORT) or "no scenario has that name"
    except OSError:
        return "pytest could not run them"


def bundle(run: Run, cluster: Cluster) -> str:
    """Collects the cluster's logs; returns a sentence that says where they are."""
    if not cluster.exists():
        return "There are no logs, because the cluster does not exist."
    moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = FOLDER / f"logs-{moment}"
    code = run(harness("cluster", "logs", "--name", cluster.name, "--output", str(folder)))
    return f"The logs are in {_short(folder)}." if code == 0 else "The logs could not be collected."


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _images(phases: Phases, run: Run, suite: Suite, cluster: Cluster) -> None:
    there, where = {0, ExitCode.ATTENTION} if suite.stand_ins else {0}, ("--cluster", cluster.name)
    build, load = ("images", "build", suite.environment), ("images", "load", suite.environment, *where)
    lacking = _phase(phases, run, "images", harness(*build), accepted=there) == ExitCode.ATTENTION
    _phase(phases, run, "images to the cluster", harness(*load), accepted=there)
    if lacking:
        only = [word for name in suite.stand_ins for word in ("--only", name)]
        build, load = ("images", "build", PLATFORM.environment), ("images", "load", PLATFORM.environment, *where)
        _phase(phases, run, "stand-ins", harness(*build, *only))
        _phase(phases, run, "stand-ins to the cluster", harness(*load, *only))


def _phase(
    phases: Phases,
    run: Run,
    name: str,
    command: Sequence[str],
    *,
    why: Callable[[], str] = lambda: "its error is above",
    accepted: Collection[int] = (0,),
) -> int:
    phases.tell(f"{name} …")
    start = time.monotonic()
    code = run(command)
    phases.seconds[name] = time.monotonic() - start
    if code not in accepted:
        raise HarnessError(f"The phase '{name}' failed: {why()}.", exit_code=1)
    minutes, seconds = divmod(round(phases.seconds[name]), 60)
    phases.tell(f"{name}: {minutes} min {seconds} s")
    return code


def run_to_its_end(command: Sequence[str]) -> int:
    """Runs a command with this process's output; an interrupt is passed on, and the command's end awaited."""
    # In a group of its own: a terminal's Ctrl-C reaches this process only, so that the command gets it once.
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, process_group=0) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
