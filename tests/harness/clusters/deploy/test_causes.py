from typing import Any

import pytest

from harness.clusters.deploy.causes import Patience, State, crashed, find, left_behind
from harness.clusters.deploy.causes import sentence as told

Object = dict[str, Any]


def application(name: str, number: int, namespace: str = "", **status: Any) -> Object:
    return {
        "kind": "Application",
        "metadata": {"name": name, "annotations": {"argocd.argoproj.io/sync-wave": str(number)}},
        "spec": {"destination": {"namespace": namespace or name}},
        "status": {"sync": {"status": "OutOfSync"}, "health": {"status": "Progressing"}, **status},
    }


def pod(namespace: str, name: str, *, init: bool = False, **container: Any) -> Object:
    statuses = [{"name": "main", "image": "lakehouse/x:1", "restartCount": 0, **container}]
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name},
        "status": {"initContainerStatuses" if init else "containerStatuses": statuses},
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


READY: Object = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        (
            {"state": waiting("ImagePullBackOff", "Back-off pulling image")},
            "database (wave 2): pod database/p-0 cannot get the image lakehouse/x:1 (Back-off pulling image): "
            "load it with 'harness images load', or correct its name.",
        ),
        (
            {"state": waiting("CreateContainerConfigError", 'secret "s" not found')},
            'database (wave 2): pod database/p-0 cannot start its container main (secret "s" not found): '
            "'harness secrets list' says whether a Secret is missing.",
        ),
        (
            {
                "state": waiting("CrashLoopBackOff"),
                "restartCount": 4,
                "lastState": {"terminated": {"reason": "Error", "exitCode": 3}},
            },
            "database (wave 2): container main of pod database/p-0 keeps crashing (Error, exit code 3): "
            "see 'kubectl logs --previous -n database p-0 -c main'.",
        ),
    ],
    ids=["image", "secret", "crash"],
)
@pytest.mark.parametrize("init", [False, True], ids=["main", "init"])
def test_a_pod_that_cannot_run(container: Object, sentence: str, init: bool) -> None:
    state = State([application("database", 2)], [pod("database", "p-0", init=init, **container)])
    assert [told(cause) for cause in find(state)] == [sentence]


def test_a_log_line_says_more() -> None:
    crashing: Object = {"state": waiting("CrashLoopBackOff"), "restartCount": 9}
    (cause,) = find(State([application("database", 2)], [pod("database", "p-0", **crashing)]))
    assert cause.container == ("database", "p-0", "main")
    line = told(cause, "FATAL: no space")
    assert 'its log says "FATAL: no space"' in line


def test_a_container_that_restarts_once_or_twice_is_no_cause() -> None:
    crashing: Object = {"state": waiting("CrashLoopBackOff"), "restartCount": 2}
    assert find(State([application("database", 2)], [pod("database", "p-0", **crashing)])) == []


def test_who_waits_after_a_crash_is_found() -> None:
    pods = [
        pod("database", "a", state=waiting("CrashLoopBackOff")),
        pod("database", "b", init=True, state=waiting("CrashLoopBackOff")),
        pod("database", "c", state=waiting("ImagePullBackOff")),
        pod("database", "d", state={"running": {}}),
    ]
    assert crashed(pods) == [("database", "a"), ("database", "b")]


def stateful(revision: str, *, ready: bool = False, owner: str = "StatefulSet", deleted: bool = False) -> Object:
    item = pod("database", "postgres-0")
    item["metadata"]["labels"] = {"controller-revision-hash": revision}
    item["metadata"]["ownerReferences"] = [{"kind": owner, "name": "postgres"}]
    item["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]
    if deleted:
        item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return item


@pytest.mark.parametrize(
    ("item", "stuck"),
    [
        (stateful("old"), True),
        (stateful("old", ready=True), False),
        (stateful("old", deleted=True), False),
        (stateful("old", owner="ReplicaSet"), False),
        (stateful("new"), False),
    ],
    ids=["stuck", "still ready", "on its way", "of a Deployment", "newest"],
)
def test_a_pod_that_a_stateful_set_waits_for_in_vain_is_found(item: Object, stuck: bool) -> None:
    newest = {"metadata": {"namespace": "database", "name": "postgres"}, "status": {"updateRevision": "new"}}
    stuck_pods = left_behind(State(pods=[item], stateful_sets=[newest]))
    assert stuck_pods == ([("database", "postgres-0")] if stuck else [])


def test_what_is_healthy_is_not_looked_at() -> None:
    broken = pod("orchestrator", "task", state=waiting("ImagePullBackOff"))
    assert find(State([application("orchestrator", 3, **READY)], [broken])) == []


def test_a_pod_that_is_being_deleted_is_not_looked_at() -> None:
    broken = pod("database", "p-0", state=waiting("ImagePullBackOff"))
    broken["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert find(State([application("database", 2)], [broken])) == []


def test_a_job_that_failed() -> None:
    failed = {"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}
    job = {"metadata": {"namespace": "orchestrator", "name": "airflow-migrate"}, "status": {"conditions": [failed]}}
    (cause,) = find(State([application("orchestrator", 3)], jobs=[job]))
    assert cause.what == ("Job orchestrator/airflow-migrate failed (Job has reached the specified backoff limit)")


def test_pods_that_may_not_be_made() -> None:
    event = {
        "reason": "FailedCreate",
        "metadata": {"namespace": "jupyter"},
        "involvedObject": {"kind": "ReplicaSet", "namespace": "jupyter", "name": "lab-1"},
        "message": 'pods "lab-1" is forbidden: exceeded quota: quota',
    }
    (cause,) = find(State([application("jupyter", 8)], events=[event]))
    assert cause.what == (
        'ReplicaSet jupyter/lab-1 cannot create its pods (pods "lab-1" is forbidden: exceeded quota: quota)'
    )


def test_a_pod_without_a_place() -> None:
    item = pod("database", "p-0")
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient cpu."}
    item["status"]["conditions"] = [condition]
    (cause,) = find(State([application("database", 2)], [item]))
    assert cause.what == "pod database/p-0 cannot be scheduled (0/1 nodes: Insufficient cpu.)"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("InvalidSpecError", "Argo CD does not accept the Application misc (it is so)"),
        ("ComparisonError", "Argo CD cannot build misc from git (it is so)"),
        ("SyncError", "Argo CD gave up on misc (it is so)"),
    ],
)
def test_what_argo_cd_says_of_an_application(kind: str, said: str) -> None:
    (cause,) = find(State([application("misc", 1, conditions=[{"type": kind, "message": "it is\n  so"}])]))
    assert cause.what == said


def test_a_resource_that_cannot_be_applied() -> None:
    resources = [
        {"kind": "Role", "namespace": "n", "name": "ok", "status": "Synced"},
        {"kind": "Role", "namespace": "n", "name": "bad", "status": "SyncFailed", "message": "is forbidden"},
    ]
    operation = {"phase": "Running", "syncResult": {"resources": resources}}
    (cause,) = find(State([application("misc", 1, operationState=operation)]))
    assert cause.what == "Role n/bad of misc cannot be applied (is forbidden)"


def test_the_origin_comes_before_what_follows_from_it() -> None:
    """The earliest wave first, and within it what is nearest to the pod."""
    degraded: Object = {"conditions": [{"type": "SyncError", "message": "retried 10 times"}]}
    state = State(
        [application("orchestrator", 3), application("database", 2, **degraded)],
        [
            pod("orchestrator", "scheduler", state=waiting("CreateContainerConfigError")),
            pod("database", "postgres-0", state=waiting("ErrImagePull")),
        ],
    )
    assert [(cause.application, cause.rank) for cause in find(state)] == [
        ("database", 0),
        ("database", 8),
        ("orchestrator", 1),
    ]


def test_only_what_lasts_is_final() -> None:
    state = State([application("database", 2)], [pod("database", "p-0", state=waiting("ErrImagePull", "try 1"))])
    other = State([application("database", 2)], [pod("database", "p-0", state=waiting("ImagePullBackOff", "2"))])
    patience = Patience()
    assert patience.final(find(state), 0) is None
    assert patience.final(find(other), 19) is None
    final = patience.final(find(other), 20)
    assert final is not None
    assert final.application == "database"


def test_what_went_away_in_between_starts_anew() -> None:
    state = State([application("database", 2)], [pod("database", "p-0", state=waiting("ErrImagePull"))])
    patience = Patience()
    patience.final(find(state), 0)
    patience.final([], 10)
    assert patience.final(find(state), 21) is None
