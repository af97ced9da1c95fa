"""The restricted Pod Security standard holds in every namespace, and every pod of the platform is within it."""

import json
from typing import Any, Final

import pytest

from harness.clusters.kind.kubectl import Kubectl
from harness.errors import HarnessError
from tests.live.platform import NAMESPACES

pytestmark = pytest.mark.e2e

RESTRICTED: Final[dict[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
REFUSED: Final[dict[str, dict[str, Any]]] = {
    "privileged": {"privileged": True, "allowPrivilegeEscalation": True},
    "root": {"runAsNonRoot": False, "runAsUser": 0},
    "capabilities": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}},
    "escalation": {"allowPrivilegeEscalation": True},
    "no seccomp": {"seccompProfile": None},
}


def pod(namespace: str, security: dict[str, Any], **spec: Any) -> str:
    resources = {"cpu": "10m", "memory": "16Mi"}
    container = {
        "name": "probe",
        "image": "registry.k8s.io/pause:3.10",
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {key: value for key, value in security.items() if value is not None},
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "security-probe", "namespace": namespace},
            "spec": {"automountServiceAccountToken": False, "containers": [container], **spec},
        }
    )


def create(cluster: Kubectl, manifest: str) -> str:
    """What the API server says to a pod; it is asked without anything being made."""
    options = ["--dry-run=server", "--output=name", "--filename=-"]
    return cluster.run("create", *options, doing="make a pod", stdin=manifest)


@pytest.mark.parametrize("namespace", [name for name in NAMESPACES if name != "misc"])
def test_a_restricted_pod_is_accepted(cluster: Kubectl, namespace: str) -> None:
    assert create(cluster, pod(namespace, RESTRICTED)).strip() == "pod/security-probe"


def test_nothing_may_run_in_misc(cluster: Kubectl) -> None:
    with pytest.raises(HarnessError, match="exceeded quota"):
        create(cluster, pod("misc", RESTRICTED))


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("weakness", REFUSED)
def test_a_pod_with_a_weakness_is_refused(cluster: Kubectl, namespace: str, weakness: str) -> None:
    with pytest.raises(HarnessError, match='violates PodSecurity "restricted'):
        create(cluster, pod(namespace, {**RESTRICTED, **REFUSED[weakness]}))


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    "reach",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    ],
    ids=["host network", "host processes", "host files"],
)
def test_a_pod_that_reaches_for_the_host_is_refused(
    cluster: Kubectl, namespace: str, reach: dict[str, Any]
) -> None:
    with pytest.raises(HarnessError, match='violates PodSecurity "restricted'):
        create(cluster, pod(namespace, RESTRICTED, **reach))


def test_a_pod_beyond_the_quota_is_refused(cluster: Kubectl) -> None:
    huge = json.loads(pod("processing", RESTRICTED))
    for kind in ("requests", "limits"):
        huge["spec"]["containers"][0]["resources"][kind] = {"cpu": "900", "memory": "9000Gi"}
    with pytest.raises(HarnessError, match=r"exceeded quota|maximum (cpu|memory) usage per"):
        create(cluster, json.dumps(huge))


def test_every_running_pod_has_a_read_only_root_unless_the_documentation_says_why(cluster: Kubectl) -> None:
    writable = {
        f"{item['metadata']['namespace']}/{container['name']}"
        for namespace in NAMESPACES
        for item in cluster.get("pods", namespace)
        for container in item["spec"]["containers"]
        if not (container.get("securityContext") or {}).get("readOnlyRootFilesystem")
    }
    assert writable == set()
