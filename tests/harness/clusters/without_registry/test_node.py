import re

import pytest
import yaml

from harness.clusters.kind.cluster import NETWORK_FILES
from harness.clusters.without_registry import node
from harness.clusters.without_registry.components import COMPONENTS, KUBERNETES_VERSION, SOURCES


def test_manifests_name_images_that_the_node_holds() -> None:
    files = [SOURCES / "files/manifests/default-storage.yaml", NETWORK_FILES / "kube-router.yaml"]
    named = {
        word.partition("=")[2] or word
        for file in files
        for word in file.read_text().split()
        if "docker.io/" in word
    }
    assert len(named) == 2
    assert named <= set(node.pod_images())


def test_manifests_are_valid_yaml_with_an_image_policy_that_needs_no_registry() -> None:
    for file in (SOURCES / "files/manifests/default-storage.yaml", NETWORK_FILES / "kube-router.yaml"):
        workloads = [
            document
            for document in yaml.safe_load_all(file.read_text())
            if document["kind"] in ("Deployment", "DaemonSet")
        ]
        assert workloads
        for workload in workloads:
            for container in workload["spec"]["template"]["spec"]["containers"]:
                assert container["imagePullPolicy"] == "IfNotPresent"


def test_every_image_is_a_stage_of_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM .* AS (\S+)$", (SOURCES / "Dockerfile").read_text(), re.MULTILINE))
    assert set(node.pod_images().values()) <= stages
    assert "node" in stages


def test_containerd_starts_pods_with_the_pause_that_is_held() -> None:
    config = (SOURCES / "files/containerd/config.toml").read_text()
    (sandbox,) = re.findall(r'sandbox_image = "(.*)"', config)
    assert sandbox in node.pod_images()


def test_every_component_is_pinned_with_checksums() -> None:
    for component in COMPONENTS:
        text = (component.module / "go.mod").read_text()
        sums = (component.module / "go.sum").read_text()
        requirements = re.findall(r"^(?:require )?\t?([\w./-]+) (v\S+)", text, re.MULTILINE)
        if component.folder != "pause":
            assert requirements
            assert sums.count("\n") > len(requirements)


def test_all_of_kubernetes_is_of_one_version() -> None:
    text = (SOURCES / "kubernetes/go.mod").read_text()
    replaced = re.findall(r"^\s*(?:replace )?(k8s\.io/\S+) => \1 (v\S+)", text, re.MULTILINE)
    assert len(replaced) > 20
    assert {version for _, version in replaced} == {KUBERNETES_VERSION.replace("v1.", "v0.")}


def test_the_image_is_named_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    before = node.node_image()
    assert before.startswith(f"lakehouse/kind-node:{KUBERNETES_VERSION}-")
    assert node.node_image() == before
    monkeypatch.setattr(node, "KIND", "example.org/another")
    assert node.node_image() != before
