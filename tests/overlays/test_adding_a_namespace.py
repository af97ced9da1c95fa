"""docs/adding-a-namespace.md, followed to the letter in a copy of the manifests."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.validate.check import validate
from harness.validate.output import text
from tests.overlays.listing import listings

pytestmark = pytest.mark.tools

COPIED = (
    "base",
    "components",
    "overlays",
    "tests/aws/overlay",
    "tests/e2e/overlay",
    "tests/sign_in_cluster/overlay",
    "tests/nodes/overlay",
    "harness/clusters",
    "harness/manifests",
)
NAMES = "components/namespace/names/kustomization.yaml"
BLOCK = re.compile(r"^(?P<before>(?:\S[^\n]*\n)+)\n```yaml\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE)


def described(page: Path) -> Iterator[tuple[str, str]]:
    """The files that the page shows: each block of YAML, by every path in the paragraph above it."""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        for path in re.findall(r"`([\w/-]+\.yaml)`", block["before"]):
            yield path, block["content"]


def copy_of(repo: Path, root: Path) -> Path:
    for folder in COPIED:
        shutil.copytree(repo / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repo / "pyproject.toml", root)
    return root


@pytest.fixture(scope="module")
def written(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The copy with the namespace `catalog`, and the files that were written by hand."""
    root = copy_of(repo, tmp_path_factory.mktemp("copy"))
    files = {NAMES}
    for path, content in described(repo / "docs" / "adding-a-namespace.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("a", encoding="utf-8") as file:
            file.write(content)
        files.add(path)
    names = (root / NAMES).read_text(encoding="utf-8")
    destination = next(line for line in names.splitlines(keepends=True) if "namespace: cicd}" in line)
    names = (
        names.replace("cicd,", "catalog,cicd,")
        .replace("cicd|", "catalog|cicd|")
        .replace(destination, destination.replace("cicd", "catalog") + destination)
    )
    (root / NAMES).write_text(names, encoding="utf-8")
    for listing, content in listings(root):
        listing.write_text(content, encoding="utf-8")
    return root, files


@pytest.fixture(scope="module", params=["minikube", "eks", "e2e"])
def resources(request: pytest.FixtureRequest, written: tuple[Path, set[str]]) -> dict[tuple[str, str, str], Any]:
    """Everything that an environment consists of, by kind, namespace and name."""
    builds = build_all(roots(written[0], request.param))
    assert [problem for build in builds for problem in build.problems] == []
    return {(item.kind, item.namespace, item.name): item.value for build in builds for item in build.resources}


def test_it_takes_eight_files(written: tuple[Path, set[str]]) -> None:
    _, files = written
    assert len(files) == 8, sorted(files)


def test_the_copy_has_no_findings(written: tuple[Path, set[str]]) -> None:
    report = validate(written[0])
    assert report.findings == [], text(report)


def test_the_namespace_is_restricted(resources: dict[tuple[str, str, str], Any]) -> None:
    labels = resources["Namespace", "", "catalog"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_namespace_has_what_all_have(resources: dict[tuple[str, str, str], Any]) -> None:
    assert {(kind, name) for kind, namespace, name in resources if namespace == "catalog"} == {
        ("ResourceQuota", "quota"),
        ("LimitRange", "defaults"),
        ("NetworkPolicy", "default-deny"),
        ("NetworkPolicy", "dns"),
        ("RoleBinding", "argocd-sync"),
        ("RoleBinding", "argocd-view"),
        ("RoleBinding", "kube-state-metrics-reader"),
        ("Deployment", "catalog"),
        ("Service", "catalog"),
    }


def test_argo_cd_deploys_it(written: tuple[Path, set[str]], resources: dict[tuple[str, str, str], Any]) -> None:
    application = resources["Application", "cicd", "catalog"]["spec"]
    assert (written[0] / application["source"]["path"] / "kustomization.yaml").is_file()
    assert application["syncPolicy"] == resources["Application", "cicd", "database"]["spec"]["syncPolicy"]
    destinations = resources["AppProject", "cicd", "lakehouse"]["spec"]["destinations"]
    assert "catalog" in [item["namespace"] for item in destinations]
    assert "catalog" in resources["Secret", "cicd", "in-cluster"]["stringData"]["namespaces"].split(",")


def test_its_state_is_counted(resources: dict[tuple[str, str, str], Any]) -> None:
    pod = resources["Deployment", "monitoring", "kube-state-metrics"]["spec"]["template"]["spec"]
    (argument,) = [text for text in pod["containers"][0]["args"] if text.startswith("--namespaces=")]
    assert "catalog" in argument.partition("=")[2].split(",")
