"""Both DAGs as in production: a pod for each task, the Dataset event between them, Spark through the operator."""

from collections.abc import Iterator
from typing import Final

import pytest
import yaml

from harness.clusters.kind.kubectl import Kubectl
from tests.live.airflow import Task
from tests.live.platform import Platform
from tests.live.proof import INGESTION, TRANSFORMATION, Proof, Taken
from tests.live.wait import until

pytestmark = pytest.mark.e2e

TASKS = {
    INGESTION: {"ingest_to_bronze", "validate_bronze"},
    TRANSFORMATION: {"bronze_to_silver", "silver_to_gold", "quality_gate"},
}

BUSY: Final = """\
import time
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().sparkContext.parallelize(range(8), 8).foreach(lambda _: time.sleep(15))
"""


@pytest.fixture(scope="module")
def tasks(proof: Proof, days: tuple[Taken, Taken]) -> dict[str, list[Task]]:
    """Task instances of the two days by DAG."""
    return {
        INGESTION: [task for day in days for task in proof.tasks(day.ingestion)],
        TRANSFORMATION: [task for day in days for task in proof.tasks(day.transformation)],
    }


def test_the_first_day_came_by_schedule_and_the_second_by_hand(days: tuple[Taken, Taken]) -> None:
    first, second = days
    assert (first.ingestion.kind, second.ingestion.kind) == ("scheduled", "manual")
    assert first.ingestion.date < second.ingestion.date


def test_the_dataset_event_starts_the_second_dag_by_itself(proof: Proof, days: tuple[Taken, Taken]) -> None:
    for day in days:
        assert day.transformation.kind == "dataset_triggered"
        assert proof.platform.airflow.started_by(day.ingestion) == [day.transformation.run_id]


def test_every_task_succeeded_at_its_first_attempt(tasks: dict[str, list[Task]]) -> None:
    for dag, instances in tasks.items():
        assert {task.task_id for task in instances} == TASKS[dag]
        assert {(task.state, task.attempt) for task in instances} == {("success", 1)}


def test_each_task_has_a_pod_of_its_own_in_orchestrator(proof: Proof, tasks: dict[str, list[Task]]) -> None:
    instances = [(dag, task) for dag, names in tasks.items() for task in names]
    hosts = [task.host for _, task in instances]
    assert len(set(hosts)) == len(hosts) == 10
    for dag, task in instances:
        pod = proof.seen[task.host]
        assert pod.namespace == "orchestrator"
        assert pod.service_account == "airflow-worker"
        assert (pod.labels["dag_id"], pod.labels["task_id"]) == (dag, task.task_id)


def test_the_scheduler_has_the_kubernetes_executor(platform: Platform) -> None:
    said = platform.cluster.execute(
        "orchestrator",
        "deployment/airflow-scheduler",
        ["airflow", "config", "get-value", "core", "executor"],
        doing="ask the scheduler for its executor",
    )
    assert said.split()[-1] == "KubernetesExecutor"


def test_each_spark_job_went_through_the_operator(proof: Proof, days: tuple[Taken, Taken]) -> None:
    finished = [app for app in proof.applications.values() if (app["status"] or {}).get("applicationState")]
    arguments = [tuple(app["spec"]["arguments"]) for app in finished]
    for job in TASKS[TRANSFORMATION]:
        assert arguments.count((job,)) >= len(days)


def test_drivers_and_executors_ran_in_processing(proof: Proof, days: tuple[Taken, Taken]) -> None:
    by_role = {
        role: [pod for pod in proof.seen.values() if pod.labels.get("spark-role") == role]
        for role in ("driver", "executor")
    }
    assert len(by_role["driver"]) >= len(days) * len(TASKS[TRANSFORMATION])
    assert len(by_role["executor"]) >= len(by_role["driver"])
    accounts = {role: {(pod.namespace, pod.service_account) for pod in pods} for role, pods in by_role.items()}
    assert accounts == {
        "driver": {("processing", "spark")},
        "executor": {("processing", "spark-executor")},
    }
    # The operator labels what it submits; nobody else makes drivers.
    assert all("sparkoperator.k8s.io/app-name" in pod.labels for pod in by_role["driver"])


@pytest.fixture
def busy(cluster: Kubectl) -> Iterator[str]:
    """An application with the platform's settings whose eight tasks wait; its name."""
    (template,) = cluster.get("configmaps", "orchestrator", "--field-selector=metadata.name=spark-application")
    application = yaml.safe_load(template["data"]["spark-application.yaml"])
    application["metadata"]["name"] = name = "busy"
    application["spec"]["mainApplicationFile"] = "local:///opt/busy/busy.py"
    pod = application["spec"]["driver"]["template"]["spec"]
    pod["volumes"].append({"name": name, "configMap": {"name": name}})
    pod["containers"][0]["volumeMounts"].append({"name": name, "mountPath": "/opt/busy"})
    script = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"busy.py": BUSY}}
    script["metadata"] = {"name": name, "namespace": "processing"}
    cluster.apply(yaml.safe_dump_all([script, application]), doing="start a busy application")
    yield name
    what = [f"sparkapplication/{name}", f"configmap/{name}", f"pod/{name}-driver"]
    cluster.run("delete", "--namespace=processing", "--ignore-not-found", *what, doing="delete it")


def test_executors_are_added_while_there_is_work(cluster: Kubectl, busy: str, days: tuple[Taken, Taken]) -> None:
    selector = f"--selector=spark-role=executor,sparkoperator.k8s.io/app-name={busy}"

    def two() -> bool | None:
        executors = cluster.get("pods", "processing", selector)
        return {"1", "2"} <= {pod["metadata"]["labels"]["spark-exec-id"] for pod in executors} or None

    def ended() -> bool | None:
        (application,) = cluster.get("sparkapplications", "processing", f"--field-selector=metadata.name={busy}")
        return application["status"]["applicationState"]["state"] == "COMPLETED" or None

    until(two, what="there is a second executor", seconds=240)
    # An executor that is deleted while it works counts as failed, and an alert fires.
    until(ended, what="the busy application has ended", seconds=240)


def test_the_logs_of_all_tasks_are_in_the_bucket_airflow(
    platform: Platform, days: tuple[Taken, Taken], tasks: dict[str, list[Task]]
) -> None:
    runs = [run for day in days for run in (day.ingestion, day.transformation)]
    for run in runs:
        for task_id in TASKS[run.dag_id]:
            key = f"logs/dag_id={run.dag_id}/run_id={run.run_id}/task_id={task_id}/attempt=1.log"
            assert "Marking task as SUCCESS" in platform.read("airflow", key).decode(), key


def test_airflow_shows_a_log_that_only_the_bucket_has(
    platform: Platform, days: tuple[Taken, Taken], tasks: dict[str, list[Task]]
) -> None:
    (task,) = [task for task in platform.airflow.tasks(days[0].ingestion) if task.task_id == "ingest_to_bronze"]
    assert "Committed" in platform.airflow.log(days[0].ingestion, task)


def test_the_log_of_a_spark_task_has_the_words_of_its_driver(platform: Platform, days: tuple[Taken, Taken]) -> None:
    (task,) = [
        task for task in platform.airflow.tasks(days[0].transformation) if task.task_id == "bronze_to_silver"
    ]
    log = platform.airflow.log(days[0].transformation, task)
    assert f"{days[0].ingestion.date.isoformat()}: " in log
    assert "records" in log
