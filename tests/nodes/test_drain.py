"""A drained node takes no data with it, and the pipeline ends right.

In the order of the file: the second scenario looks for what the first has made.
"""

from typing import TYPE_CHECKING, Final

import pytest

from brewery.contract.layout import Layout
from harness.clusters.kind import objects
from tests.live import frames
from tests.live.airflow import Task
from tests.live.platform import Platform
from tests.live.proof import BRONZE, BUCKET, SECOND, Proof, Taken
from tests.live.wait import until
from tests.nodes.workers import SCHEDULERS, WEBSERVERS, Workers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

ATTEMPTS: Final = 4
"""Of a task: the first and the three retries that the DAG gives it."""
LAYOUT: Final = Layout("s3a://lakehouse")
STORES: Final = {"database": "postgres-0", "deepstorage": "minio-0"}


@pytest.fixture(scope="module")
def before(workers: Workers) -> dict[str, int]:
    """How many schedulers and webservers each worker has before anything is drained."""
    return {
        f"{node} {selector}": len(workers.pods(node, "orchestrator", selector))
        for node in (workers.volumes, workers.other)
        for selector in (SCHEDULERS, WEBSERVERS)
    }


@pytest.fixture(scope="module")
def drained(workers: Workers, platform: Platform, proof: Proof, before: dict[str, int]) -> Taken:
    """The second day, whose pods all lose their node while Spark computes."""
    proof.first()
    with workers.closed(workers.volumes), platform.watching() as watched:
        run = proof.start(SECOND)
        until(
            lambda: workers.pods(workers.other, "processing", "spark-role=executor") or None,
            what="Spark computes on the worker that is to be drained",
            seconds=900,
            state=lambda: ", ".join(f"{name} {pod.phase}" for (_, name), pod in watched.pods.items()),
        )
        kept = {objects.name(pod) for pod in workers.pods(workers.volumes, "orchestrator", SCHEDULERS)}
        workers.open(workers.volumes)
        workers.drain(workers.other)
        assert kept <= {objects.name(pod) for pod in workers.pods(workers.volumes, "orchestrator", SCHEDULERS)}
        platform.forwards.renew("orchestrator")
        taken = proof.finish(SECOND, run, attempts=ATTEMPTS)
    workers.open(workers.other)
    workers.spread()
    workers.wait_until_whole()
    platform.forwards.renew("orchestrator")
    return taken


def attempts(tasks: list[Task]) -> dict[str, int]:
    return {task.task_id: task.attempt for task in tasks}


def assert_data(spark: "SparkSession", proof: Proof, taken: Taken) -> None:
    """Every table is what the API sent on both days, and the ledger names the runs."""
    assert proof.taken()[-1].ingestion.run_id == taken.ingestion.run_id
    expected = proof.expected()
    frames.assert_gold(spark, LAYOUT, expected)
    frames.assert_silver(spark, LAYOUT, expected)
    frames.assert_same(frames.read(spark, LAYOUT.silver_runs, frames.RUNS), frames.runs(spark, expected))


def test_each_worker_has_one_scheduler_and_one_webserver(before: dict[str, int]) -> None:
    assert set(before.values()) == {1}, before


def test_gold_is_exactly_right_after_the_node_of_the_run_was_drained(
    spark: "SparkSession", proof: Proof, drained: Taken
) -> None:
    assert_data(spark, proof, drained)


def test_only_what_ran_on_the_node_was_tried_again(proof: Proof, drained: Taken) -> None:
    assert set(attempts(proof.tasks(drained.ingestion)).values()) <= {0, 1}
    tries = attempts(proof.tasks(drained.transformation))
    assert max(tries.values()) == 2, tries
    committed = [key for key in proof.platform.keys(BUCKET, f"{BRONZE}/") if key.endswith("/_manifest.json")]
    assert len(committed) == len(proof.taken())


def test_the_stores_wait_for_their_node_and_come_back_with_their_data(
    spark: "SparkSession", workers: Workers, platform: Platform, proof: Proof, drained: Taken
) -> None:
    volumes = {objects.name(item) for item in platform.cluster.get("persistentvolumes")}
    workers.drain(workers.volumes)
    for namespace, name in STORES.items():

        def waits(namespace: str = namespace, name: str = name) -> bool | None:
            (pod,) = platform.cluster.get("pods", namespace, f"--field-selector=metadata.name={name}") or [{}]
            conditions = {item["type"]: item for item in objects.conditions(pod)}
            return conditions.get("PodScheduled", {}).get("reason") == "Unschedulable" or None

        until(waits, what=f"{namespace}/{name} waits for its node", seconds=180)
    workers.open(workers.volumes)
    workers.wait_until_whole()
    for namespace in ("orchestrator", "deepstorage"):
        platform.forwards.renew(namespace)
    assert {objects.name(item) for item in platform.cluster.get("persistentvolumes")} == volumes
    assert_data(spark, proof, drained)
