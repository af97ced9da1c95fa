"""Volumes of the class `standard`."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {
        "storageClassName": "standard",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "64Mi"}},
    },
}
MOUNTED = {
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
}


def test_a_volume_keeps_what_a_pod_wrote_for_the_next_one(namespace: Any, make_pod: Any) -> None:
    namespace.apply(CLAIM, make_pod("writer", "sleep", "infinity", **_copy(MOUNTED)))
    namespace.ready("writer")
    assert namespace.run("writer", "bash", "-c", "echo kept > /data/file") == "exit 0\n"
    namespace.kind.kubectl("delete", "pod", "writer", "--namespace", namespace.name, "--wait=true")

    namespace.apply(make_pod("reader", "sleep", "infinity", **_copy(MOUNTED)))
    namespace.ready("reader")

    assert namespace.run("reader", "cat", "/data/file") == "kept\nexit 0\n"


def test_a_user_that_is_not_root_can_write(namespace: Any, make_pod: Any) -> None:
    user = {"securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}}
    namespace.apply(CLAIM, make_pod("writer", "sleep", "infinity", **user, **_copy(MOUNTED)))
    namespace.ready("writer")

    assert namespace.run("writer", "bash", "-c", "echo mine > /data/file && cat /data/file") == "mine\nexit 0\n"


def test_the_volume_of_a_claim_that_is_deleted_goes_too(
    namespace: Any, make_pod: Any, eventually: Callable[..., None]
) -> None:
    namespace.apply(CLAIM, make_pod("writer", "sleep", "infinity", **_copy(MOUNTED)))
    namespace.ready("writer")
    volume = namespace.get("pvc", "data")["spec"]["volumeName"]

    namespace.kind.kubectl("delete", "pod/writer", "pvc/data", "--namespace", namespace.name, "--wait=true")

    def volumes() -> str:
        return str(namespace.kind.kubectl("get", "pv", "--output=name"))

    eventually("the volume is gone", lambda: volume not in volumes())


def _copy(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in spec.items()}
