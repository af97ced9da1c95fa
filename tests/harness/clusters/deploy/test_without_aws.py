import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters.deploy.without_aws import bring_what_aws_brings, is_on_aws
from harness.clusters.kind.kubectl import Kubectl
from harness.errors import HarnessError
from tests.harness.programs import program

Object = dict[str, Any]

PROGRAM = """#!{python}
import json, pathlib, sys
if "apply" in sys.argv:
    pathlib.Path({applied!r}).write_text(sys.stdin.read())
elif "customresourcedefinitions.apiextensions.k8s.io" in sys.argv:
    import yaml
    items = list(yaml.safe_load_all(pathlib.Path({applied!r}).read_text()))
    established = {{"conditions": [{{"type": "Established", "status": "True"}}]}}
    print(json.dumps({{"items": [{{"metadata": item["metadata"], "status": established}} for item in items]}}))
elif "get" in sys.argv:
    items = json.load(open({state!r}))
    print(json.dumps({{"items": items[sys.argv[sys.argv.index("get") + 1]]}}))
"""
DEFAULT = {
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "rancher.io/local-path",
    "volumeBindingMode": "WaitForFirstConsumer",
}


@pytest.fixture
def cluster(tmp_path: Path) -> Kubectl:
    """A kubectl that lists what `state.json` has and writes what is applied to `applied.yaml`."""
    names = {
        "python": sys.executable,
        "state": str(tmp_path / "state.json"),
        "applied": str(tmp_path / "applied.yaml"),
    }
    kubectl = program(tmp_path / "kubectl", PROGRAM.format(**names))
    return Kubectl(tmp_path / "kubeconfig", "some-context", kubectl)


def has(cluster: Kubectl, kind: str, *items: Object) -> None:
    (cluster.program.parent / "state.json").write_text(json.dumps({kind: items}))


def applied(cluster: Kubectl) -> list[Object]:
    return list(yaml.safe_load_all((cluster.program.parent / "applied.yaml").read_text()))


@pytest.mark.tools
def test_the_missing_storage_class_is_the_default_one_by_another_name(cluster: Kubectl, repo: Path) -> None:
    has(cluster, "storageclasses", {"metadata": {"name": "slow"}, "provisioner": "x"}, DEFAULT)
    bring_what_aws_brings(cluster, repo, "eks")
    classes = [item for item in applied(cluster) if item["kind"] == "StorageClass"]
    assert classes == [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "gp2"},
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    ]


@pytest.mark.tools
def test_one_that_is_there_stays(cluster: Kubectl, repo: Path) -> None:
    has(cluster, "storageclasses", {"metadata": {"name": "gp2"}, "provisioner": "ebs.csi.aws.com"})
    bring_what_aws_brings(cluster, repo, "eks")
    kinds = {item["kind"] for item in applied(cluster)}
    names = {item["metadata"]["name"] for item in applied(cluster)}
    assert kinds == {"CustomResourceDefinition"}
    assert {"externalsecrets.external-secrets.io", "secretstores.external-secrets.io"} <= names


def test_a_cluster_without_a_default_class_is_one_sentence(cluster: Kubectl, repo: Path) -> None:
    has(cluster, "storageclasses")
    with pytest.raises(HarnessError, match="some-context has no default storage class"):
        bring_what_aws_brings(cluster, repo, "eks")


@pytest.mark.parametrize(
    ("provider", "there"), [("aws:///eu-west-1a/i-0abc", True), ("kind://docker/x/y", False), (None, False)]
)
def test_a_clusters_nodes_tell_whether_it_is_on_aws(provider: str | None, there: bool) -> None:
    assert is_on_aws([{"spec": {"providerID": provider} if provider else {}}]) is there
