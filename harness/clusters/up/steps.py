"""The steps that bring the platform up on a kind cluster, each of which is a command."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from harness.clusters.deploy.phases import Phases
from harness.clusters.kind.cluster import Cluster
from harness.errors import HarnessError
from harness.exits import ExitCode
from harness.manifests.environments import TEST_OVERLAYS
from harness.paths import ROOT

E2E: Final = "e2e"
"""The environment that needs no registry: it names the stand-ins for images that only a registry has."""
_STAND_INS: Final = ("reflector-stand-in",)
"""Parts of the names of the images, of that environment, that stand in for such images in all others."""

Run = Callable[[Sequence[str]], int]
"""Runs a command and returns its exit code."""


def is_there(cluster: Cluster) -> bool:
    """Whether a cluster exists; an error for one that cannot be used."""
    there = cluster.exists()
    if there and cluster.lacking:
        raise HarnessError(f"The cluster {cluster.name} has {cluster.lacking}.")
    return there


def bring_up(
    phases: Phases, run: Run, environment: str, cluster: Cluster, *, workers: int = 0, prepare: str = ""
) -> None:
    """Creates a missing cluster, makes and loads the images, and deploys; what is done already is quick.

    `prepare` is a module of Python to run before the deployment, with the cluster's name.
    """
    if not cluster.exists():
        size = ("--workers", str(workers)) if workers else ()
        phase(phases, run, "cluster", harness("cluster", "up", "--name", cluster.name, *size))
    _images(phases, run, environment, cluster)
    if prepare:
        phase(phases, run, "preparation", [sys.executable, "-m", prepare, cluster.name])
    where = ("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context)
    phase(phases, run, "platform", harness("deploy", environment, *where))


def harness(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words]


def _images(phases: Phases, run: Run, environment: str, cluster: Cluster) -> None:
    stand_ins = () if environment in TEST_OVERLAYS else _STAND_INS
    there, where = {0, ExitCode.ATTENTION} if stand_ins else {0}, ("--cluster", cluster.name)
    build, load = ("images", "build", environment), ("images", "load", environment, *where)
    lacking = phase(phases, run, "images", harness(*build), accepted=there) == ExitCode.ATTENTION
    phase(phases, run, "images to the cluster", harness(*load), accepted=there)
    if lacking:
        only = [word for name in stand_ins for word in ("--only", name)]
        build, load = ("images", "build", E2E), ("images", "load", E2E, *where)
        phase(phases, run, "stand-ins", harness(*build, *only))
        phase(phases, run, "stand-ins to the cluster", harness(*load, *only))


def phase(
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
