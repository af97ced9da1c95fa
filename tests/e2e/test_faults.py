"""Something breaks in mid-run; afterwards gold is exactly right: nothing lost, nothing doubled.

Judged by the tables, not by the state of a task: a task may well have to be tried again. Only where a job refuses,
it must not be.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from harness.clusters.deploy.wait import is_available
from harness.clusters.kind.kubectl import Kubectl
from tests.live import frames
from tests.live.airflow import hopeless
from tests.live.platform import Platform
from tests.live.proof import SECOND, TRANSFORMATION, Proof, Shown, Taken
from tests.live.wait import until
from tests.oracle.lakehouse import Expected

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(1500)]

ATTEMPTS = 4
"""Of a task: the first and the three retries of production."""
OUTAGE = ("server-error:path=any,times=8", "cut:share=0.2,times=10", "rate-limit:share=0.2,times=10")
"""More than one task can bear, which gives a page up after six failures; the next try meets the rest of it."""
GAVE_UP = re.compile(r"AirflowFailException: The quality gate failed \(bronze/breweries rejected_share is [\d.]+, ")
"""The error of a task whose job refused a snapshot with too many records to reject."""
SLOW = "latency:ms=2000"
"""On each answer of the API: an ingestion that lasts long enough to be hit."""


@dataclass(frozen=True)
class Victim:
    """A pod to kill, and when.

    Attributes:
        namespace: Where it is.
        selector: Its labels.
        during: Labels of a pod that runs at that moment, and its namespace.
        slow: Whether the ingestion has to be slow for that.
    """

    namespace: str
    selector: str
    during: tuple[str, str]
    slow: bool = False


INGESTING = ("orchestrator", "task_id=ingest_to_bronze")
SUBMITTING = ("orchestrator", "task_id=bronze_to_silver")
MERGING = ("processing", "spark-role=driver")
COMPUTING = ("processing", "spark-role=executor")

VICTIMS = {
    "the scheduler while bronze is written": Victim(
        "orchestrator", "app.kubernetes.io/component=scheduler", INGESTING, slow=True
    ),
    "the scheduler while Spark runs": Victim("orchestrator", "app.kubernetes.io/component=scheduler", MERGING),
    "the pod of the ingestion": Victim(*INGESTING, during=INGESTING, slow=True),
    "the pod that waits for Spark": Victim(*SUBMITTING, during=MERGING),
    "the Spark driver": Victim(*MERGING, during=COMPUTING),
    "a Spark executor": Victim(*COMPUTING, during=COMPUTING),
    "MinIO while bronze is written": Victim("deepstorage", "app.kubernetes.io/name=minio", INGESTING, slow=True),
    "MinIO while Spark runs": Victim("deepstorage", "app.kubernetes.io/name=minio", COMPUTING),
    "PostgreSQL while Spark runs": Victim("database", "app.kubernetes.io/name=postgres", MERGING),
}


@pytest.fixture
def next_day(proof: Proof, days: tuple[Taken, Taken]) -> Shown:
    """A day that was not taken yet, with all that the second one had to bear."""
    return Shown(max(taken.shown.day for taken in proof.taken()) + 1, SECOND.faults)


@pytest.fixture
def exactly_right(spark: SparkSession, layout: Layout, proof: Proof) -> Callable[[Taken], None]:
    """Compares every table with what the API sent, the day that was hit included."""

    def compare(taken: Taken) -> None:
        assert proof.taken()[-1].ingestion.run_id == taken.ingestion.run_id
        expected = Expected(proof.days(proof.taken()))
        frames.assert_gold(spark, layout, expected)
        frames.assert_silver(spark, layout, expected)
        frames.assert_same(frames.read(spark, layout.silver_runs, frames.RUNS), frames.runs(spark, expected))

    return compare


@pytest.fixture(autouse=True)
def whole_before(cluster: Kubectl) -> None:
    """A fault begins on a platform that runs."""
    whole_again(cluster)


def whole_again(cluster: Kubectl) -> None:
    """Waits until everything runs."""

    def whole() -> bool | None:
        workloads = cluster.get("deployments.apps,statefulsets.apps")
        return all(map(is_available, workloads)) or None

    until(whole, what="every Deployment and StatefulSet runs", seconds=180)


def kill(cluster: Kubectl, victim: Victim) -> str:
    """Ends a pod as a lost node does, without a word to its processes, once the moment has come."""
    namespace, selector = victim.during

    def running() -> bool | None:
        pods = cluster.get("pods", namespace, f"--selector={selector}", "--field-selector=status.phase=Running")
        return bool(pods) or None

    until(running, what=f"a pod {selector} runs in {namespace}", seconds=300)
    candidates = cluster.get(
        "pods", victim.namespace, f"--selector={victim.selector}", "--field-selector=status.phase=Running"
    )
    name = str(candidates[0]["metadata"]["name"])
    options = [f"--namespace={victim.namespace}", "--grace-period=0", "--force", "--wait=false"]
    cluster.run("delete", "pod", name, *options, doing=f"kill {name}")
    return str(candidates[0]["metadata"]["uid"])


@pytest.mark.parametrize("what", VICTIMS)
def test_gold_is_exactly_right_after_a_loss_of(
    platform: Platform,
    proof: Proof,
    next_day: Shown,
    exactly_right: Callable[[Taken], None],
    what: str,
) -> None:
    victim = VICTIMS[what]
    run = proof.start(next_day)
    if victim.slow:
        platform.api.add_faults(SLOW)
    killed = kill(platform.cluster, victim)
    whole_again(platform.cluster)
    platform.forwards.renew(victim.namespace)
    taken = proof.finish(next_day, run, attempts=ATTEMPTS)
    left = platform.cluster.get("pods", victim.namespace)
    assert killed not in {pod["metadata"]["uid"] for pod in left}
    exactly_right(taken)


def test_gold_is_exactly_right_after_the_api_failed_for_a_while(
    platform: Platform, proof: Proof, next_day: Shown, exactly_right: Callable[[Taken], None]
) -> None:
    before = platform.api.stats()["by_status"].get("503", 0)
    run = proof.start(next_day)
    platform.api.add_faults(*OUTAGE)
    taken = proof.finish(next_day, run, attempts=ATTEMPTS)
    (ingestion,) = [task for task in proof.tasks(taken.ingestion) if task.task_id == "ingest_to_bronze"]
    assert ingestion.attempt == 2
    assert platform.api.stats()["by_status"]["503"] == before + 8
    exactly_right(taken)


def test_a_bad_snapshot_is_stopped_and_gold_stays_as_it_was(
    platform: Platform, proof: Proof, spark: SparkSession, layout: Layout, days: tuple[Taken, Taken]
) -> None:
    before = proof.expected()
    last = proof.taken()[-1].shown
    run = proof.start(Shown(last.day + 1, ("dirty:share=0.5",)))
    airflow = platform.airflow
    until(
        lambda: airflow.run(run.dag_id, run.run_id).state == "success" or None, what="bronze is there", seconds=300
    )
    started = until(lambda: next(iter(airflow.started_by(run)), None), what="the second DAG starts", seconds=120)
    second = airflow.run(TRANSFORMATION, started)
    # Also where the first try is followed by another, which is not to be waited for.
    refused = until(
        lambda: hopeless(airflow.tasks(second), attempts=1),
        what="the second DAG gives the snapshot up",
        seconds=600,
    )
    assert (refused.task_id, refused.state, refused.attempt) == ("bronze_to_silver", "failed", 1)
    until(
        lambda: airflow.run(second.dag_id, second.run_id).state == "failed" or None,
        what="the second DAG has failed",
        seconds=60,
    )
    # The log is in MinIO a moment after the task has ended.
    until(
        lambda: GAVE_UP.search(airflow.log(second, refused, attempt=1)),
        what="the task's error is the gate's sentence",
        seconds=60,
    )
    frames.assert_gold(spark, layout, before)
    # The next good snapshot of the date takes its place.
    proof.take(Shown(last.day + 1, SECOND.faults))
    after = proof.expected()
    frames.assert_gold(spark, layout, after)
