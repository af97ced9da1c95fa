"""How a Spark job starts as the only one, and how its end becomes the task's.

The provider's own operator is at work, on a Kubernetes that is told.
"""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from kubernetes.client import (
    ApiException,
    CoreV1Api,
    CustomObjectsApi,
    V1ConfigMap,
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
PENDING = V1Pod(metadata=RUNNING.metadata, spec=RUNNING.spec, status=V1PodStatus(phase="Pending"))
SUCCEEDED = ended(0)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "uid": "uid of the ConfigMap"}


@pytest.fixture
def operator(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The operator as the DAG has it, with the SparkApplication of the repository."""
    from airflow import DAG

    from brewery.orchestration.settings import OrchestrationSettings
    from brewery.orchestration.spark import spark_task

    monkeypatch.setenv("BREWERY_SPARK_MODE", "kubernetes")
    monkeypatch.setenv("BREWERY_SPARK_TEMPLATE_DIR", str(repo / "base" / "orchestrator" / "files"))
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    # A second passes at each look at the clock.
    monkeypatch.setattr(time, "monotonic", itertools.count().__next__)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with DAG("submit", schedule=None):
        task: Any = spark_task("bronze_to_silver", OrchestrationSettings.from_env())
    task.resolve_template_files()
    task.render_template_fields({"params": {"job": "bronze_to_silver"}})
    task.client = MagicMock(spec=CoreV1Api)
    task.client.list_namespaced_pod.return_value = V1PodList(items=[])
    task.client.read_namespaced_pod_log.return_value = Log()
    task.custom_obj_api = MagicMock(spec=CustomObjectsApi)
    task.custom_obj_api.create_namespaced_custom_object.side_effect = created
    task.custom_obj_api.list_namespaced_custom_object.return_value = {"items": []}
    task.client.create_namespaced_config_map.return_value = V1ConfigMap(metadata=V1ObjectMeta(uid=OWNER["uid"]))
    return task


def created(**call: Any) -> dict[str, Any]:
    """What the API server returns for a new object."""
    body: dict[str, Any] = call["body"]
    return {**body, "metadata": {**body["metadata"], "uid": "uid of the application"}}


@pytest.fixture
def run(operator: Any) -> Callable[..., None]:
    """Runs the task: what the operator sees of the application at its first look, and then of the driver."""

    def execute(application: dict[str, str], pod: Any) -> None:
        status = operator.custom_obj_api.get_namespaced_custom_object_status
        status.return_value = {"status": {"applicationState": application}}
        submitted = operator.custom_obj_api.create_namespaced_custom_object

        def read(*_arguments: Any) -> V1Pod:
            if not submitted.called:
                raise ApiException(status=404)
            return pod() if callable(pod) else pod

        operator.client.read_namespaced_pod.side_effect = read
        instance = MagicMock(dag_id="submit", task_id="bronze_to_silver", map_index=-1, try_number=1, run_id="r1")
        dag = MagicMock(parent_dag=None)
        operator.execute(
            {
                "ti": instance,
                "task_instance": instance,
                "run_id": "r1",
                "dag": dag,
                "params": {"retention_hours": 336},
            }
        )

    return execute


def test_a_job_that_refused_fails_the_task_for_good(operator: Any, run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException) as caught:
        run({"state": "RUNNING"}, ended(REFUSED, SENTENCE))
    assert str(caught.value) == SENTENCE
    deleted = operator.custom_obj_api.delete_namespaced_custom_object.call_args.kwargs["name"]
    assert deleted == "bronze-to-silver-x"


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


def test_a_driver_that_is_gone_keeps_the_retries(run: Callable[..., None]) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    # Seen running once; then its node is lost.
    looks = iter([RUNNING])

    def gone() -> V1Pod:
        try:
            return next(looks)
        except StopIteration:
            raise ApiException(status=404) from None

    with pytest.raises((AirflowException, ApiException)) as caught:
        run({"state": "RUNNING"}, gone)
    assert not isinstance(caught.value, AirflowFailException)


def never() -> V1Pod:
    raise ApiException(status=404)


@pytest.mark.parametrize(
    ("application", "sentence"),
    [
        pytest.param(
            {"state": "FAILED", "errorMessage": "driver pod not found"},
            r"^The Spark operator could not start bronze-to-silver-\w+: driver pod not found$",
            id="its driver is gone",
        ),
        pytest.param(
            {"state": "SUBMISSION_FAILED", "errorMessage": "exceeded quota"},
            r"^The Spark operator could not start bronze-to-silver-\w+: exceeded quota$",
            id="it was not admitted",
        ),
        pytest.param(
            {}, r"^The Spark operator has made no driver for .* within 600 s: see its log", id="no operator"
        ),
    ],
)
def test_an_application_without_a_driver_keeps_the_retries(
    run: Callable[..., None], application: dict[str, str], sentence: str
) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException, match=sentence) as caught:
        run(application, never)
    assert not isinstance(caught.value, AirflowFailException)


def test_a_job_that_succeeds_succeeds(run: Callable[..., None]) -> None:
    run({"state": "RUNNING"}, SUCCEEDED)


def submitted(operator: Any) -> dict[str, Any]:
    body: dict[str, Any] = operator.custom_obj_api.create_namespaced_custom_object.call_args.kwargs["body"]
    return body


def test_driver_and_application_have_an_owner_from_the_start_which_the_application_owns(
    operator: Any, run: Callable[..., None]
) -> None:
    run({"state": "RUNNING"}, SUCCEEDED)
    application = submitted(operator)
    name = application["metadata"]["name"]
    assert operator.client.create_namespaced_config_map.call_args.args[1].metadata.name == name
    owner = {**OWNER, "name": name}
    assert application["metadata"]["ownerReferences"] == [owner]
    template = application["spec"]["driver"]["template"]
    assert template["metadata"]["ownerReferences"] == [owner]
    assert template["spec"]["securityContext"]["runAsNonRoot"]
    patched = operator.client.patch_namespaced_config_map.call_args.args
    assert patched[:2] == (name, "processing")
    (reference,) = patched[2].metadata.owner_references
    assert (reference.kind, reference.name, reference.uid) == ("SparkApplication", name, "uid of the application")


def test_the_job_gets_its_name_and_the_newest_claim(
    operator: Any, run: Callable[..., None], tmp_path: Path
) -> None:
    folder = tmp_path / "_claims"
    folder.mkdir()
    (folder / "000000000041.json").touch()
    run({"state": "RUNNING"}, SUCCEEDED)
    spec = submitted(operator)["spec"]
    assert spec["arguments"] == ["bronze_to_silver"]
    assert spec["driver"]["envVars"]["LAKEHOUSE_CLAIM"] == "42"
    (claim,) = folder.iterdir()
    assert claim.name == "000000000042.json"
    holder = json.loads(claim.read_text(encoding="utf-8"))
    assert holder == {
        "dag": "submit",
        "task": "bronze_to_silver",
        "run": "r1",
        "try": 1,
        "job": submitted(operator)["metadata"]["name"],
    }


@pytest.mark.parametrize("earlier", [SUCCEEDED, RUNNING], ids=["it succeeded", "it runs"])
def test_an_attempt_never_takes_the_driver_of_another(
    operator: Any, run: Callable[..., None], earlier: V1Pod
) -> None:
    """Whatever labels it has: of a cleared task, a retry and a repeated run they may be the same."""
    operator.client.list_namespaced_pod.side_effect = [V1PodList(items=[earlier]), V1PodList(items=[])] * 9
    run({"state": "RUNNING"}, SUCCEEDED)
    looked = {call.args[0] for call in operator.client.read_namespaced_pod.call_args_list[:3]}
    assert looked == {f"{submitted(operator)['metadata']['name']}-driver"}


@pytest.mark.parametrize("earlier", [RUNNING, PENDING], ids=["running", "pending"])
def test_an_attempt_waits_for_the_end_of_earlier_pods_before_it_claims(
    operator: Any, run: Callable[..., None], tmp_path: Path, earlier: V1Pod
) -> None:
    left = [[earlier], [earlier], []]

    def pods(*_arguments: Any, **_options: Any) -> V1PodList:
        assert operator.client.delete_collection_namespaced_config_map.called
        assert not operator.custom_obj_api.create_namespaced_custom_object.called
        assert not (tmp_path / "_claims").exists()
        return V1PodList(items=left.pop(0))

    operator.client.list_namespaced_pod.side_effect = pods
    run({"state": "RUNNING"}, SUCCEEDED)
    assert left == []


def pod_of(application: str) -> V1Pod:
    labels = {"sparkoperator.k8s.io/app-name": application}
    return V1Pod(metadata=V1ObjectMeta(name=f"{application}-driver", labels=labels), status=PENDING.status)


def application_of(name: str, state: str) -> dict[str, Any]:
    status = {"status": {"applicationState": {"state": state}}} if state else {}
    return {"metadata": {"name": name}, **status}


@pytest.mark.parametrize(
    ("pods", "state"),
    [
        pytest.param(["silver-to-gold-y"], "RUNNING", id="it runs"),
        pytest.param([], "SUBMITTED", id="it has no driver yet"),
        pytest.param([], "", id="the operator has not seen it"),
        pytest.param(["silver-to-gold-y"], "COMPLETED", id="its driver has not ended"),
    ],
)
def test_a_job_that_gives_way_leaves_another_ones_attempt_alone(
    operator: Any, run: Callable[..., None], tmp_path: Path, pods: list[str], state: str
) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    operator.gives_way = True
    operator.client.list_namespaced_pod.return_value = V1PodList(items=[pod_of(name) for name in pods])
    listed = {"items": [application_of("silver-to-gold-y", state)]}
    operator.custom_obj_api.list_namespaced_custom_object.return_value = listed
    sentence = "^bronze_to_silver gives way to the Spark application processing/silver-to-gold-y: it is tried again"
    with pytest.raises(AirflowException, match=sentence) as caught:
        run({"state": "RUNNING"}, SUCCEEDED)
    assert not isinstance(caught.value, AirflowFailException)
    assert not operator.client.delete_collection_namespaced_config_map.called
    assert not (tmp_path / "_claims").exists()


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_a_job_does_not_give_way_to_what_has_ended(operator: Any, run: Callable[..., None], state: str) -> None:
    operator.gives_way = True
    listed = {"items": [application_of("silver-to-gold-y", state)]}
    operator.custom_obj_api.list_namespaced_custom_object.return_value = listed
    run({"state": "RUNNING"}, SUCCEEDED)
    assert submitted(operator)["metadata"]["name"].startswith("bronze-to-silver-")


def test_an_application_that_a_later_attempt_has_removed_keeps_the_retries(
    operator: Any, run: Callable[..., None]
) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    operator.custom_obj_api.get_namespaced_custom_object_status.side_effect = ApiException(status=404)
    sentence = r"^The Spark operator could not start bronze-to-silver-\w+: a later attempt has removed it$"
    with pytest.raises(AirflowException, match=sentence) as caught:
        run({}, never)
    assert not isinstance(caught.value, AirflowFailException)


def test_a_job_that_gives_way_replaces_its_own_earlier_attempt(operator: Any, run: Callable[..., None]) -> None:
    operator.gives_way = True
    earlier = V1PodList(items=[pod_of("bronze-to-silver-z")])
    operator.client.list_namespaced_pod.side_effect = [earlier, earlier, V1PodList(items=[])]
    run({"state": "RUNNING"}, SUCCEEDED)
    assert operator.client.delete_collection_namespaced_config_map.called


def test_params_of_the_run_become_options_of_the_job(operator: Any, run: Callable[..., None]) -> None:
    operator.options = ("retention_hours",)
    run({"state": "RUNNING"}, SUCCEEDED)
    assert submitted(operator)["spec"]["arguments"] == ["bronze_to_silver", "--retention-hours=336"]


def test_an_attempt_fails_in_a_sentence_where_an_earlier_pod_does_not_end(
    operator: Any, run: Callable[..., None], tmp_path: Path
) -> None:
    from airflow.exceptions import AirflowException, AirflowFailException

    operator.client.list_namespaced_pod.return_value = V1PodList(items=[RUNNING])
    sentence = (
        r"^The Spark pod processing/bronze-to-silver-x-driver, which started before this attempt, has not ended "
    )
    with pytest.raises(AirflowException, match=sentence) as caught:
        run({"state": "RUNNING"}, SUCCEEDED)
    assert not isinstance(caught.value, AirflowFailException)
    assert not operator.custom_obj_api.create_namespaced_custom_object.called
    assert not (tmp_path / "_claims").exists()
