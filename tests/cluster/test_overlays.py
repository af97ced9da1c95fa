"""The API server's word on the overlays: a server-side dry run, with the real definitions of custom resources."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from harness.clusters.kind.cluster import Cluster
from harness.manifests.custom_resources import CRD_MODULES, definitions_of

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
Apply = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def apply(cluster: Cluster) -> Apply:
    """Server-side apply of a YAML text, with what else kubectl is told."""

    def run(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        words = ["apply", "--server-side", "--force-conflicts", "--filename=-", *options]
        command = [*cluster.kubectl.command, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module", params=["minikube", "eks"])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """All resources of an environment."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, "-m", "harness", "render", request.param, "--output", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (folder / "out" / "all.yaml").read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text) if document]


@pytest.fixture(scope="module")
def prepared(rendered: list[Object], apply: Apply, kind_cluster: Any) -> Iterator[list[Object]]:
    """The environment's definitions and namespaces on the cluster, for real: a dry run sees only what is there.

    The definitions come with the overlay; those of an operator that the cluster brings, from its Go module.
    """
    definitions = [item for item in rendered if item["kind"] == "CustomResourceDefinition"]
    groups = {item["apiVersion"].partition("/")[0] for item in rendered} & CRD_MODULES.keys()
    definitions += [definition for group in groups for definition in definitions_of(group)]
    namespaces = [item for item in rendered if item["kind"] == "Namespace"]
    there = set(kind_cluster.kubectl("get", "namespace", "--output=name").split())
    if there & {f"namespace/{item['metadata']['name']}" for item in namespaces}:
        pytest.skip("the platform is on this cluster, and would be removed: leave out --cluster-name")
    done = apply(yaml.safe_dump_all([*definitions, *namespaces]))
    assert done.returncode == 0, done.stderr
    names = [f"crd/{item['metadata']['name']}" for item in definitions]
    kind_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    yield rendered
    kind_cluster.kubectl(
        "delete", "--wait=true", *names, *(f"ns/{item['metadata']['name']}" for item in namespaces)
    )


@pytest.fixture(scope="module")
def answer(prepared: list[Object], apply: Apply) -> subprocess.CompletedProcess[str]:
    """What the server says to all of it."""
    return apply(yaml.safe_dump_all(prepared), "--dry-run=server")


def test_the_server_takes_every_resource(prepared: list[Object], answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 0, answer.stderr
    taken = [line for line in answer.stdout.splitlines() if line.endswith("serverside-applied (server dry run)")]
    assert len(taken) == len(prepared)


def test_no_workload_violates_its_namespaces_pod_security(answer: subprocess.CompletedProcess[str]) -> None:
    assert [line for line in answer.stderr.splitlines() if "would violate PodSecurity" in line] == []


def test_the_server_does_judge(prepared: list[Object], apply: Apply) -> None:
    application = next(item for item in prepared if item["kind"] == "Application")
    spec = {key: value for key, value in application["spec"].items() if key != "project"}

    done = apply(yaml.safe_dump({**application, "spec": spec}), "--dry-run=server")

    assert done.returncode == 1
    assert "spec.project: Required value" in done.stderr


def test_a_root_pod_would_be_refused(
    prepared: list[Object], kind_cluster: Any, make_pod: Any, apply: Apply
) -> None:
    done = apply(yaml.safe_dump(make_pod("root", "true")), "--dry-run=server", "--namespace=processing")

    assert done.returncode == 1
    assert 'violates PodSecurity "restricted' in done.stderr
