"""How a Spark job's end becomes the task's: the provider's own operator at work, on a Kubernetes that is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from kubernetes.client import (
    ApiException,
    CoreV1Api,
    CustomObjectsApi,
    V1Container,
    V1ContainerState,
    V1ContainerStateRunning,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodList,
    V1PodSpec,
    V1PodStatus,
)

pytestmark = pytest.mark.airflow

SENTENCE = "The quality gate failed (rejected_share is 0.4, expected ≤ 0.05): silver keeps its state."
REFUSED = 65
"""EX_DATAERR, as spark/lakehouse/jobs/command.py ends with it."""


class Log:
    """A container's log that has ended."""

    def stream(self, **_options: Any) -> Any:
        yield f"2026-03-02T06:00:00.000000000Z error: {SENTENCE}\n".encode()

    def isclosed(self) -> bool:
        return True


def driver(phase: str, state: V1ContainerState, container: str = "spark-kubernetes-driver") -> V1Pod:
    status = V1ContainerStatus(
        name=container, image="i", image_id="i", ready=False, restart_count=0, started=False, state=state
    )
    return V1Pod(
        metadata=V1ObjectMeta(name="bronze-to-silver-x-driver", namespace="processing", labels={}),
        spec=V1PodSpec(containers=[V1Container(name=container)]),
        status=V1PodStatus(phase=phase, container_statuses=[status]),
    )


def ended(code: int, message: str | None = None, container: str = "spark-kubernetes-driver") -> V1Pod:
    state = V1ContainerState(terminated=V1ContainerStateTerminated(exit_code=code, message=message))
    return driver("Succeeded" if code == 0 else "Failed", state, container)


RUNNING = driver("Running", V1ContainerState(running=V1ContainerStateRunning()))

EVICTED = V1Pod(metadata=RUNNING.metadata, spec=RUNNING.spec, status=V1PodStatus(phase="Failed"))


@pytest.fixture
def operator(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The operator as the DAG has it, with the SparkApplication of the repository."""
    from airflow import DAG

    from brewery.orchestration.settings import OrchestrationSettings
    from brewery.orchestration.spark import spark_task

    monkeypatch.setenv("BREWERY_SPARK_MODE", "kubernetes")
    files = repo / "base" / "orchestrator" / "files"
    with DAG("submit", schedule=None, template_searchpath=[str(files)]):
        task: Any = spark_task("bronze_to_silver", OrchestrationSettings.from_env())
    task.resolve_template_files()
    task.render_template_fields({"params": {"job": "bronze_to_silver"}})
    task.client = MagicMock(spec=CoreV1Api)
    task.client.list_namespaced_pod.return_value = V1PodList(items=[])
    task.client.read_namespaced_pod_log.return_value = Log()
    task.custom_obj_api = MagicMock(spec=CustomObjectsApi)
    task.custom_obj_api.create_namespaced_custom_object.side_effect = lambda **call: call["body"]
    return task


@pytest.fixture
def run(operator: Any) -> Callable[..., None]:
    """Runs the task: what the operator sees of the application at its first look, and then of the driver."""

    def execute(application: dict[str, str], pod: Any) -> None:
        status = operator.custom_obj_api.get_namespaced_custom_object_status
        status.return_value = {"status": {"applicationState": application}}
        operator.client.read_namespaced_pod.side_effect = pod if callable(pod) else lambda *_args: pod
        instance = MagicMock(dag_id="submit", task_id="bronze_to_silver", map_index=-1, try_number=1)
        dag = MagicMock(parent_dag=None)
        operator.execute({"ti": instance, "task_instance": instance, "run_id": "r1", "dag": dag})

    return execute


def test_a_job_that_refused_fails_the_task_for_good(operator: Any, run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException) as caught:
        run({"state": "RUNNING"}, ended(REFUSED, SENTENCE))
    assert str(caught.value) == SENTENCE
    deleted = operator.custom_obj_api.delete_namespaced_custom_object.call_args.kwargs["name"]
    assert deleted == "bronze-to-silver-x"


def test_so_does_one_that_refused_before_the_first_look_at_it(run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowFailException

    application = {"state": "FAILED", "errorMessage": "driver container failed with ExitCode: 65, Reason: Error"}
    with pytest.raises(AirflowFailException) as caught:
        run(application, ended(REFUSED, SENTENCE))
    assert str(caught.value) == SENTENCE


@pytest.mark.parametrize("said", [None, "", "\n"])
def test_a_sentence_that_did_not_arrive_is_in_the_log(run: Callable[..., None], said: str | None) -> None:
    from airflow.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"^The job bronze_to_silver refused: its log above says why\.$"):
        run({"state": "RUNNING"}, ended(REFUSED, said))


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(ended(1, "Could not read bronze: connection refused."), id="what may heal"),
        pytest.param(ended(52), id="Spark out of memory"),
        pytest.param(ended(137), id="killed"),
        pytest.param(ended(143), id="asked to end"),
        pytest.param(ended(REFUSED, SENTENCE, container="sidecar"), id="another container"),
        pytest.param(EVICTED, id="evicted"),
    ],
)
@pytest.mark.parametrize("state", ["RUNNING", "FAILED"])
def test_whatever_else_ends_a_driver_keeps_the_retries(run: Callable[..., None], state: str, pod: V1Pod) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException) as caught:
        run({"state": state, "errorMessage": "driver container failed"}, pod)
    assert not isinstance(caught.value, AirflowFailException)


def test_a_driver_that_is_gone_keeps_the_retries(operator: Any, run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    # Seen running once, by its labels; then its node is lost.
    operator.client.list_namespaced_pod.side_effect = [V1PodList(items=items) for items in ([], [], [RUNNING])]

    def gone(*_args: Any) -> V1Pod:
        raise ApiException(status=404)

    with pytest.raises((AirflowException, ApiException)) as caught:
        run({"state": "RUNNING"}, gone)
    assert not isinstance(caught.value, AirflowFailException)


def test_an_application_that_failed_and_whose_driver_is_gone_keeps_the_retries(run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    def gone(*_args: Any) -> V1Pod:
        raise ApiException(status=404)

    with pytest.raises(AirflowException, match="driver pod not found") as caught:
        run({"state": "FAILED", "errorMessage": "driver pod not found"}, gone)
    assert not isinstance(caught.value, AirflowFailException)


def test_a_job_that_succeeds_succeeds(run: Callable[..., None]) -> None:
    run({"state": "RUNNING"}, ended(0))
