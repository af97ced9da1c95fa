"""The upkeep on the cluster: it gives way to the pipeline, and deletes what has expired and nothing else."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Final

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from harness.clusters.kind.kubectl import Kubectl
from lakehouse.gold import GOLD
from tests.live import frames
from tests.live.airflow import Run, Task, succeeded
from tests.live.platform import Platform
from tests.live.proof import TRANSFORMATION, Proof, Taken
from tests.live.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(1800)]

MAINTENANCE: Final = "brew-maintenance"
SECONDS: Final = 1200
"""A transformation, the pauses between tries, and the upkeep of nine tables."""
TRIES: Final = 13
"""Of the Spark job: the first and its twelve retries."""
PROBE: Final = "e2e-probe"
LOGGED: Final = f"""\
import datetime as dt
from airflow.models.log import Log
from airflow.utils.session import create_session
now = dt.datetime.now(dt.timezone.utc)
with create_session() as session:
    for days in (0, 91):
        entry = Log(event="{PROBE}-" + str(days))
        entry.dttm = now - dt.timedelta(days=days)
        session.add(entry)
"""
ASKED: Final = f"""\
from airflow.models.log import Log
from airflow.utils.session import create_session
with create_session() as session:
    print("found", *sorted({{row.event for row in session.query(Log).filter(Log.event.like("{PROBE}-%"))}}))
"""


@dataclass(frozen=True)
class Upkept:
    """A run of the transformation and one of the upkeep, started while the former's first job ran.

    Attributes:
        began: Before either.
        kept_results: Rows of the quality results that have not expired.
        expired_results: How many rows had.
    """

    began: dt.datetime
    transformation: Run
    maintenance: Run
    kept_results: int
    expired_results: int


def drivers(cluster: Kubectl) -> list[str]:
    pods = cluster.get("pods", "processing", "--selector=spark-role=driver")
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]


def working(cluster: Kubectl) -> str | None:
    """The driver that runs, once it has an executor."""
    running = cluster.get("pods", "processing", "--field-selector=status.phase=Running")
    by_role = {pod["metadata"]["labels"].get("spark-role"): pod["metadata"]["name"] for pod in running}
    return by_role["driver"] if {"driver", "executor"} <= by_role.keys() else None


def signal(cluster: Kubectl, pod: str, name: str) -> None:
    words = ["bash", "-c", f"kill -{name} -1"]
    cluster.execute("processing", f"pod/{pod}", words, doing=f"send {name} to {pod}")


def in_scheduler(cluster: Kubectl, program: str, doing: str) -> str:
    """What a Python program prints that runs beside the scheduler, with Airflow's database."""
    return cluster.execute("orchestrator", "deployment/airflow-scheduler", ["python", "-c", program], doing=doing)


@pytest.fixture(scope="module")
def upkept(platform: Platform, spark: SparkSession, layout: Layout, days: tuple[Taken, Taken]) -> Upkept:
    airflow, cluster = platform.airflow, platform.cluster
    results = spark.read.format("delta").load(layout.quality_results)
    old = results.limit(3).withColumn("checked_at", sf.current_timestamp() - sf.expr("interval 91 days"))
    expired, before = old.count(), results.count()
    old.write.format("delta").mode("append").save(layout.quality_results)
    in_scheduler(cluster, LOGGED, "write entries into Airflow's database")
    began = dt.datetime.now(dt.UTC)
    transformation = airflow.trigger(TRANSFORMATION, {})
    driver = until(lambda: working(cluster), what=f"{TRANSFORMATION} has an executor", seconds=300)
    # Between two of its jobs, nothing would be there to give way to.
    signal(cluster, driver, "STOP")
    known = {run.run_id for run in airflow.runs(MAINTENANCE)}
    airflow.unpause(MAINTENANCE)
    # Its schedule starts the first run, once it is unpaused.
    run = (
        airflow.trigger(MAINTENANCE, {})
        if known
        else until(lambda: next(iter(airflow.runs(MAINTENANCE)), None), what=f"{MAINTENANCE} starts", seconds=120)
    )
    until(
        lambda: ((task := tasks(platform, run).get("maintenance")) and task.state == "up_for_retry") or None,
        what="the upkeep gives way",
        seconds=180,
    )
    signal(cluster, driver, "CONT")

    def done() -> tuple[Run, Run] | None:
        platform.unless_held()
        assert len(found := drivers(cluster)) < 2, found
        first = succeeded(airflow, transformation)
        second = succeeded(airflow, run, attempts=TRIES)
        return (first, second) if first and second else None

    def state() -> str:
        tasks = airflow.tasks(transformation) + airflow.tasks(run)
        return ", ".join(f"{task.task_id} {task.state} ({task.attempt})" for task in tasks)

    ended = until(done, what="the transformation and the upkeep succeed", seconds=SECONDS, state=state)
    airflow.pause(MAINTENANCE)
    # The transformation's own gates have checked silver, or found nothing new, and gold.
    written = spark.read.format("delta").load(layout.quality_results).where(sf.col("checked_at") >= sf.lit(began))
    return Upkept(began, *ended, before + written.count(), expired)


def tasks(platform: Platform, run: Run) -> dict[str, Task]:
    return {task.task_id: task for task in platform.airflow.tasks(run)}


def test_the_upkeep_gives_way_to_a_job_that_runs(platform: Platform, upkept: Upkept) -> None:
    task = tasks(platform, upkept.maintenance)["maintenance"]
    assert task.attempt > 1
    log = platform.airflow.log(upkept.maintenance, task, attempt=1)
    assert "maintenance gives way to the Spark application processing/" in log
    # `succeeded` has seen to it that no task of the transformation was tried twice.
    assert upkept.transformation.ended is not None
    assert upkept.maintenance.ended is not None
    assert upkept.transformation.ended < upkept.maintenance.ended


def test_results_go_once_they_have_expired(
    spark: SparkSession, layout: Layout, platform: Platform, upkept: Upkept
) -> None:
    results = spark.read.format("delta").load(layout.quality_results)
    assert upkept.expired_results == 3
    assert results.where("checked_at < current_timestamp() - interval 90 days").count() == 0
    assert results.count() == upkept.kept_results


def test_airflows_records_go_once_they_have_expired(platform: Platform, upkept: Upkept) -> None:
    printed = in_scheduler(platform.cluster, ASKED, "look for the entries in Airflow's database")
    assert printed.split("found ")[-1].split() == [f"{PROBE}-0"]
    # Runs of the last days are what the web interface shows.
    assert {run.run_id for run in platform.airflow.runs(TRANSFORMATION)} >= {upkept.transformation.run_id}


def test_each_table_is_one_file_and_a_checkpoint(
    spark: SparkSession, layout: Layout, platform: Platform, upkept: Upkept
) -> None:
    tables = [layout.silver_breweries, layout.silver_runs, layout.quality_results, *map(layout.gold, GOLD)]
    for path in tables:
        (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").select("numFiles").collect()
        assert detail["numFiles"] == 1, path
        log = platform.keys("lakehouse", f"{path.removeprefix('s3a://lakehouse/')}/_delta_log/")
        newest = max(key.rpartition("/")[2][:20] for key in log if key.endswith(".json") and "/00" in key)
        assert any(f"/{newest}.checkpoint" in key for key in log), path


def test_its_effect_is_measured(platform: Platform, upkept: Upkept) -> None:
    upkeep = json.loads(platform.read("lakehouse", "quality/upkeep.json"))
    logs = {key.partition("/_delta_log/")[0] for key in platform.keys("lakehouse") if "/_delta_log/" in key}
    stored = [key for table in logs for key in platform.keys("lakehouse", f"{table}/") if not key.endswith("/")]
    assert upkeep["files"] == len(stored)
    assert upkeep["ended"] >= upkept.began.timestamp()

    def scraped() -> bool | None:
        value = platform.prometheus.value('max(lakehouse_maintenance{figure="files"})')
        ended = platform.prometheus.value("max(lakehouse_maintenance_timestamp_seconds)")
        return (value == upkeep["files"] and ended is not None and ended >= upkept.began.timestamp()) or None

    until(scraped, what="Prometheus has the effect of the upkeep", seconds=120)


def test_gold_and_silver_are_what_they_were(
    spark: SparkSession, layout: Layout, proof: Proof, upkept: Upkept
) -> None:
    expected = proof.expected()
    frames.assert_gold(spark, layout, expected)
    frames.assert_silver(spark, layout, expected)
