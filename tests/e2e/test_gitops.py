"""Git is what the cluster follows: commits come, manual changes go, and a broken commit breaks nothing that runs.

Everything happens in the Application `jupyter`, which nothing else stands on, while the pipeline runs its first two
days. No test asks Argo CD to look: it does so by itself.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from harness.clusters.deploy.causes import is_ready
from harness.clusters.deploy.wait import ARGOCD
from harness.clusters.kind.kubectl import Kubectl
from tests.live.served import ServedBranch
from tests.live.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("begun")]

Object = dict[str, Any]

APPLICATION = "jupyter"
FOLDER = f"tests/e2e/overlay/{APPLICATION}"
KUSTOMIZATION = f"{FOLDER}/kustomization.yaml"
PROBE = f"{FOLDER}/probe.yaml"
CLUSTERS_OWN = ("kube-system", "local-path-storage")
SECONDS = 180
"""Twice the time of polling, building and applying on a busy machine."""


@pytest.fixture(scope="module")
def served(cluster: Kubectl) -> ServedBranch:
    return ServedBranch(cluster)


@pytest.fixture(scope="module", autouse=True)
def as_before(cluster: Kubectl, served: ServedBranch) -> Iterator[None]:
    """Leaves the served branch and the cluster as they were."""
    commit = served.head()
    yield
    served.reset(commit)
    until(served.followed, what="every Application follows the first commit again", seconds=SECONDS)
    assert probe(cluster) is None


@pytest.fixture(scope="module")
def kustomization(served: ServedBranch) -> str:
    """The Application's kustomization before any test."""
    return served.read(KUSTOMIZATION)


def applications(cluster: Kubectl) -> list[Object]:
    return cluster.get("applications.argoproj.io", ARGOCD)


def application(cluster: Kubectl) -> Object:
    return next(item for item in applications(cluster) if item["metadata"]["name"] == APPLICATION)


def probe(cluster: Kubectl) -> Object | None:
    """The ConfigMap that the tests commit, as the cluster has it."""
    probes = cluster.get("configmaps", APPLICATION, "--field-selector=metadata.name=gitops-probe")
    return probes[0] if probes else None


def value(cluster: Kubectl) -> str | None:
    config_map = probe(cluster)
    return str(config_map["data"]["value"]) if config_map else None


def manifest(text: str, kind: str = "ConfigMap") -> bytes:
    metadata = {"name": "gitops-probe", "namespace": APPLICATION}
    return yaml.safe_dump(
        {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"value": text}}
    ).encode()


def with_resource(kustomization: str, name: str) -> bytes:
    """A kustomization with one resource more."""
    document = yaml.safe_load(kustomization)
    document["resources"] = [*document["resources"], name]
    return yaml.safe_dump(document, sort_keys=False).encode()


def running(cluster: Kubectl) -> dict[str, list[int]]:
    """The platform's lasting pods by their unique ids, with the restarts of their containers."""
    restarts_of = {}
    for pod in cluster.get("pods", None, "--field-selector=status.phase=Running"):
        makers = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
        if makers & {"ReplicaSet", "StatefulSet"} and pod["metadata"]["namespace"] not in CLUSTERS_OWN:
            restarts = [status["restartCount"] for status in pod["status"].get("containerStatuses", [])]
            restarts_of[pod["metadata"]["uid"]] = restarts
    return restarts_of


def becomes(cluster: Kubectl, wanted: str | None) -> None:
    until(
        lambda: True if value(cluster) == wanted else None,
        what=f"the ConfigMap's value becomes {wanted!r}",
        seconds=SECONDS,
        state=lambda: json.dumps(application(cluster)["status"].get("conditions", [])),
    )


def test_a_commit_changes_the_cluster_by_itself(cluster: Kubectl, served: ServedBranch, kustomization: str) -> None:
    assert probe(cluster) is None
    changes = {PROBE: manifest("ours"), KUSTOMIZATION: with_resource(kustomization, "probe.yaml")}
    served.commit(changes, "Add a probe")
    becomes(cluster, "ours")


def test_a_manual_change_is_healed(cluster: Kubectl) -> None:
    becomes(cluster, "ours")
    patch = ["patch", "configmap", "gitops-probe", f"--namespace={APPLICATION}", "--type=merge"]
    cluster.run(*patch, '--patch={"data": {"value": "theirs"}}', doing="change a ConfigMap by hand")
    assert value(cluster) == "theirs"
    becomes(cluster, "ours")
    first = probe(cluster)
    assert first is not None
    delete = ["delete", "configmap", "gitops-probe", f"--namespace={APPLICATION}"]
    cluster.run(*delete, doing="delete a ConfigMap by hand")
    becomes(cluster, "ours")
    second = probe(cluster)
    assert second is not None
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_resource_that_leaves_git_leaves_the_cluster(
    cluster: Kubectl, served: ServedBranch, kustomization: str
) -> None:
    becomes(cluster, "ours")
    served.commit({PROBE: None, KUSTOMIZATION: kustomization.encode()}, "Remove the probe")
    becomes(cluster, None)


@pytest.fixture
def unharmed(cluster: Kubectl) -> Callable[[], None]:
    """Checks that what runs still runs, as the same pods, while a commit is broken."""
    before = running(cluster)
    assert len(before) > 10

    def check() -> None:
        now = running(cluster)
        assert {uid: now.get(uid) for uid in before} == before
        others = [
            item for item in applications(cluster) if item["metadata"]["name"] not in (APPLICATION, "platform")
        ]
        assert [item["metadata"]["name"] for item in others if not is_ready(item)] == []

    return check


def test_a_commit_that_does_not_build_leaves_the_platform_alone_and_says_why(
    cluster: Kubectl, served: ServedBranch, kustomization: str, unharmed: Callable[[], None]
) -> None:
    served.commit({KUSTOMIZATION: with_resource(kustomization, "nowhere.yaml")}, "Name a file that is not there")

    def said() -> bool | None:
        conditions = application(cluster)["status"].get("conditions") or []
        told = [item["message"] for item in conditions if item["type"] == "ComparisonError"]
        return any("nowhere.yaml" in message for message in told) or None

    until(said, what="Argo CD names the file", seconds=SECONDS)
    unharmed()


def test_a_commit_that_may_not_be_applied_leaves_the_platform_alone_and_says_why(
    cluster: Kubectl, served: ServedBranch, kustomization: str, unharmed: Callable[[], None]
) -> None:
    """Somebody with access to git only makes themselves an administrator of the cluster."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "gitops-probe"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "jupyterlab", "namespace": APPLICATION}],
    }
    changes = {PROBE: yaml.safe_dump(binding).encode(), KUSTOMIZATION: with_resource(kustomization, "probe.yaml")}
    served.commit(changes, "Make JupyterLab an administrator")

    def refused() -> bool | None:
        operation = application(cluster)["status"].get("operationState") or {}
        resources = (operation.get("syncResult") or {}).get("resources") or []
        return any("not permitted" in str(item.get("message")) for item in resources) or None

    until(refused, what="Argo CD says that it is not permitted", seconds=SECONDS)
    assert cluster.get("clusterrolebindings", None, "--field-selector=metadata.name=gitops-probe") == []
    unharmed()
