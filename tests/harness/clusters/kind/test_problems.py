"""As kubectl prints pods (`kubectl get pods -o json`), cut to what counts."""

from typing import Any

import pytest

from harness.clusters.kind.problems import pod_problems


def pod(name: str = "web", containers: list[dict[str, Any]] | None = None, **status: Any) -> dict[str, Any]:
    metadata = {"namespace": "app", "name": name}
    return {"metadata": metadata, "status": {"containerStatuses": containers or [], **status}}


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "main", "ready": False, "restartCount": 0, "state": state, "lastState": {}, **more}


RUNNING = {"running": {"startedAt": "2026-11-24T10:00:00Z"}}


@pytest.mark.parametrize(
    "well",
    [
        pod(containers=[container(RUNNING, ready=True)], phase="Running"),
        pod(containers=[container({"terminated": {"exitCode": 0, "reason": "Completed"}})], phase="Succeeded"),
        pod(containers=[container({"waiting": {"reason": "ContainerCreating"}})], phase="Pending"),
    ],
    ids=["ready", "ended well", "being made"],
)
def test_what_is_well(well: dict[str, Any]) -> None:
    assert pod_problems([well]) == []


@pytest.mark.parametrize(
    ("unwell", "reason", "message"),
    [
        (
            pod(containers=[container({"waiting": {"reason": "ErrImagePull", "message": "pull\n failed"}})]),
            "ErrImagePull",
            "pull failed",
        ),
        (pod(containers=[container({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})]), "OOMKilled", "137"),
        (pod(containers=[container(RUNNING)]), "NotReady", "readiness probe"),
        (
            pod(
                conditions=[
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "cpu"}
                ]
            ),
            "Unschedulable",
            "cpu",
        ),
        (pod(phase="Failed", reason="Evicted", message="The node was low on memory"), "Evicted", "low on memory"),
        (
            pod(initContainerStatuses=[container({"waiting": {"reason": "CrashLoopBackOff"}})]),
            "CrashLoopBackOff",
            "",
        ),
    ],
)
def test_what_is_not(unwell: dict[str, Any], reason: str, message: str) -> None:
    (problem,) = pod_problems([unwell])
    assert (problem.namespace, problem.pod, problem.reason, problem.now) == ("app", "web", reason, True)
    assert message in problem.message


def test_a_restart_is_told_and_is_no_trouble_now() -> None:
    before = {"terminated": {"exitCode": 1, "reason": "Error"}}
    (problem,) = pod_problems([pod(containers=[container(RUNNING, ready=True, restartCount=2, lastState=before)])])
    assert (problem.reason, problem.now) == ("Restarted (Error)", False)
    assert problem.message == "exit code 1, 2 restarts so far"


def test_they_are_in_the_order_of_their_names() -> None:
    waiting = [container({"waiting": {"reason": "ErrImagePull"}})]
    assert [problem.pod for problem in pod_problems([pod("z", waiting), pod("a", waiting)])] == ["a", "z"]
