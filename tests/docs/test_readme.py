import re
import subprocess
import tomllib

import pytest

from harness.clusters.e2e import run
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_python_versions_are_those_that_the_project_allows() -> None:
    assert "Python 3.11 or 3.12" in README
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.13"


def test_kustomize_is_the_pinned_version() -> None:
    named = re.search(r"kustomize (\d+\.\d+)", README)
    pinned = re.search(r"sigs\.k8s\.io/kustomize/kustomize/v5 v(\d+\.\d+)", (ROOT / "tools" / "go.mod").read_text())
    assert named
    assert pinned
    assert named[1] == pinned[1]


def test_make_test_collects_no_test_that_needs_docker() -> None:
    left_out = PROJECT["tool"]["pytest"]["ini_options"]["norecursedirs"]
    suites = {suite.folder for suite in vars(run).values() if isinstance(suite, run.Suite)}
    assert {"tests/e2e", "tests/eks"} <= suites
    assert suites | {"tests/cluster", "tests/images/live"} <= set(left_out)


def test_the_repository_contains_no_breweries() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    data = [ROOT / file for file in files if re.search(r"\.(csv|jsonl?|gz|parquet)$", file)]
    assert data
    assert [
        file for file in data if file.suffix in (".gz", ".parquet") or b'"brewery_type"' in file.read_bytes()
    ] == []


@pytest.mark.parametrize("name", ["report.png", "review.png"])
def test_a_picture_is_small(name: str) -> None:
    assert f"docs/images/{name}" in README
    assert (ROOT / "docs" / "images" / name).stat().st_size < 300_000


@pytest.mark.parametrize(
    ("component", "base"),
    [
        ("Airflow", "orchestrator"),
        ("Spark operator", "processing"),
        ("MinIO", "deepstorage"),
        ("PostgreSQL", "database"),
        ("Argo CD", "cicd"),
        ("Reflector", "management"),
        ("Prometheus", "monitoring/prometheus"),
        ("Grafana", "monitoring/grafana"),
        ("JupyterLab", "jupyter"),
    ],
)
def test_a_component_is_in_each_environment(component: str, base: str) -> None:
    assert component in README.partition("\n\n")[2].partition("\n\n")[0].replace("\n", " ")
    for environment in ("minikube", "eks"):
        assert (ROOT / "overlays" / environment / base / "kustomization.yaml").is_file()
