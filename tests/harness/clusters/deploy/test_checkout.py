import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.deploy.checkout import export, served_commit
from harness.clusters.deploy.git import Scratch, working_tree
from harness.clusters.deploy.served import URL
from harness.clusters.without_registry.replaced import REPLACED
from harness.errors import HarnessError
from harness.manifests.build import Root
from harness.manifests.builder import build_all
from harness.manifests.environments import TEST_OVERLAYS, roots
from harness.manifests.quantity import quantity

FOLDERS = (
    *("base", "components", "overlays", "tests/aws/overlay", "tests/e2e/overlay", "tests/nodes/overlay"),
    "tests/sign_in_cluster/overlay",
    *("harness/clusters/deploy/manifests", "harness/clusters/without_registry/manifests"),
)


@pytest.fixture
def ours(checkout: Any, repo: Path) -> Path:
    """A checkout with our manifests, not yet committed."""
    root: Path = checkout[0]
    for folder in FOLDERS:
        shutil.copytree(repo / folder, root / folder)
    return root


def served(root: Path, environment: str, **options: Any) -> list[Root]:
    """The roots of the commit that is served."""
    folder = root.parent / "served"
    with Scratch(root) as git:
        export(git, served_commit(git, root, environment, **options), folder)
    return roots(folder, environment)


def resources(root: Path, environment: str, *, without_aws: bool) -> dict[str, list[dict[str, Any]]]:
    """What the served commit renders to for Argo CD, by kind, and what is in `cicd/applications`."""
    parts = served(root, environment, without_aws=without_aws)
    parts = [root for root in parts if root.name in ("cicd", "cicd/applications")]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for build in build_all(parts):
        assert not build.problems, build.problems
        for item in build.resources:
            by_kind.setdefault(item.kind, []).append(item.value)
    return by_kind


@pytest.mark.tools
@pytest.mark.parametrize("environment", ["minikube", "eks", *sorted(TEST_OVERLAYS)])
def test_the_served_environment_follows_the_server_in_the_cluster(ours: Path, environment: str) -> None:
    by_kind = resources(ours, environment, without_aws=environment == "eks")
    assert {item["spec"]["source"]["repoURL"] for item in by_kind["Application"]} == {URL}
    assert {item["spec"]["source"]["targetRevision"] for item in by_kind["Application"]} == {"main"}
    assert URL in [url for item in by_kind["AppProject"] for url in item["spec"]["sourceRepos"]]
    config = next(item["data"] for item in by_kind["ConfigMap"] if item["metadata"]["name"] == "argocd-cm")
    assert config["timeout.reconciliation"] == "30s"
    # What a LoadBalancer waits for comes from a tunnel on minikube, and from AWS on EKS.
    assert "Healthy" in config["resource.customizations.health.Service"]
    policies = [item["metadata"]["name"] for item in by_kind["NetworkPolicy"]]
    assert policies.count("git-server") == 1


@pytest.mark.tools
def test_made_for_aws_it_asks_for_less_elsewhere(ours: Path) -> None:
    """Two cores, of which kind's own pods ask for 0.95 (seen on a cluster), have to be enough."""
    asked: list[Fraction | None] = []
    for build in build_all(served(ours, "eks", without_aws=True, absent=REPLACED)):
        # Argo CD has no Application for it then.
        if build.root.name == "monitoring/grafana":
            continue
        for item in build.resources:
            if item.kind in ("Deployment", "StatefulSet"):
                spec = item.value["spec"]["template"]["spec"]
                cores = [quantity(container["resources"]["requests"]["cpu"]) for container in spec["containers"]]
                asked += item.value["spec"].get("replicas", 1) * cores
    assert None not in asked
    assert sum(filter(None, asked)) < 0.5


@pytest.mark.tools
def test_on_aws_the_waves_wait_for_what_aws_does(ours: Path) -> None:
    by_kind = resources(ours, "eks", without_aws=False)
    config = next(item["data"] for item in by_kind["ConfigMap"] if item["metadata"]["name"] == "argocd-cm")
    assert not [key for key in config if key.startswith("resource.customizations.health") and "argoproj" not in key]


@pytest.mark.tools
@pytest.mark.parametrize("environment", ["minikube", "eks"])
def test_what_only_image_registries_have_is_replaced_or_left_out(ours: Path, environment: str) -> None:
    parts = {root.name: root for root in served(ours, environment, absent=REPLACED)}
    names = ["cicd/applications", "management", "monitoring/prometheus"]
    built = dict(zip(names, build_all([parts[name] for name in names]), strict=True))
    applications = {item.name for item in built["cicd/applications"].resources}
    assert "monitoring" in applications
    assert "grafana" not in applications
    images = [
        container["image"]
        for item in built["management"].resources
        if item.kind == "Deployment"
        for container in item.value["spec"]["template"]["spec"]["containers"]
    ]
    assert images == ["lakehouse/reflector-stand-in:0.1.0"]
    policies = {item.name for item in built["monitoring/prometheus"].resources if item.kind == "NetworkPolicy"}
    assert {"default-deny", "dns", "prometheus"} <= policies


@pytest.mark.parametrize("environment", sorted(TEST_OVERLAYS))
def test_a_tests_overlay_is_served_as_it_is(ours: Path, environment: str) -> None:
    with Scratch(ours) as git:
        assert served_commit(git, ours, environment, without_aws=False) == working_tree(git)


def test_what_is_served_tells_what_was_changed_for_it(ours: Path) -> None:
    with Scratch(ours) as git:
        commit = served_commit(git, ours, "minikube", without_aws=False)
        changed = git.run("diff", "--name-only", f"{commit}^", commit).split()
        assert changed == ["overlays/minikube/cicd/kustomization.yaml", "overlays/minikube/source/source.yaml"]


def test_a_source_that_is_not_one_is_one_sentence(ours: Path) -> None:
    (ours / "overlays/minikube/source/source.yaml").write_text("- not a ConfigMap\n")
    with Scratch(ours) as git, pytest.raises(HarnessError, match=r"source\.yaml is not as it must be"):
        served_commit(git, ours, "minikube", without_aws=False)


def test_an_unknown_environment_is_one_sentence(ours: Path) -> None:
    with Scratch(ours) as git, pytest.raises(HarnessError, match="There is no environment 'moon'"):
        served_commit(git, ours, "moon", without_aws=False)
