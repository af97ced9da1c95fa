"""The phases of `harness e2e`, each of which is a command."""

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.deploy.phases import Phases
from harness.clusters.e2e.results import any_ran, first_failure
from harness.clusters.kind.cluster import DEFAULT_NAME, Cluster
from harness.clusters.up.steps import E2E, Run, bring_up, harness, is_there, phase, run_to_its_end
from harness.errors import HarnessError, interrupted
from harness.paths import ROOT, RUN_DIR


@dataclass(frozen=True)
class Suite:
    """What is deployed and tested."""

    environment: str
    folder: str
    cluster: str
    prepare: str = ""
    """A module of Python that makes what has to be in the cluster first; it gets the cluster's name."""
    workers: int = 0
    """Nodes beside the control plane."""


PLATFORM: Final = Suite(E2E, "tests/e2e", DEFAULT_NAME)
# An environment has cluster-wide resources, so that a cluster can have one only.
EKS: Final = Suite("eks", "tests/eks", "lakehouse-eks")
AWS: Final = Suite("aws", "tests/aws", "lakehouse-aws", prepare="tests.aws.prepare")
SIGN_IN: Final = Suite(
    "sign-in", "tests/sign_in_cluster", "lakehouse-sign-in", prepare="tests.sign_in_cluster.prepare"
)
NODES: Final = Suite("nodes", "tests/nodes", "lakehouse-nodes", prepare="tests.nodes.prepare", workers=2)
FOLDER: Final = RUN_DIR / "e2e"
"""Reports and logs."""
REPORT: Final = FOLDER / "report.xml"


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
    made = not is_there(cluster)
    try:
        if made or not keyword:
            bring_up(phases, run, suite.environment, cluster, workers=suite.workers, prepare=suite.prepare)
        REPORT.unlink(missing_ok=True)
        phase(phases, run, "scenarios", scenarios(keyword, full=full, suite=suite), why=first_cause)
    except HarnessError as error:
        logs = bundle(run, cluster)
        raise HarnessError(f"{str(error).rstrip('.')}. {logs}", exit_code=error.exit_code) from error
    except KeyboardInterrupt as request:
        left = "stays as it is" if cluster.exists() and (keep or not made) else "does not stay"
        raise interrupted(request, f"the cluster {cluster.name} {left}") from None
    finally:
        if made and not keep and cluster.exists():
            phase(phases, run, "cluster removed", harness("cluster", "down", "--name", cluster.name))


def scenarios(keyword: str, *, full: bool, suite: Suite = PLATFORM) -> list[str]:
    command = [sys.executable, "-m", "pytest", suite.folder, "--verbose", "--durations=10", f"--junitxml={REPORT}"]
    if not full:
        command += ["-m", "not full"]
    if keyword:
        command += ["-k", keyword]
    return command


def first_cause() -> str:
    try:
        if not any_ran(REPORT):
            return "no scenario has that name"
        return first_failure(REPORT) or "pytest stopped before the last of them"
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
