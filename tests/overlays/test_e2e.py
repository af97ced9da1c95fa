"""The overlay of the end-to-end tests: minikube's, but for what the tests need otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.manifests.quantity import quantity
from harness.validate.check import validate
from harness.validate.output import text

pytestmark = pytest.mark.tools


def test_it_breaks_no_rule_but_those_that_it_is_made_to_break(repo: Path) -> None:
    report = validate(repo, ["e2e"])
    expected = {
        # Grafana is left out, and what is outside of the cluster in production is no business of Argo CD's.
        ("LH309", "NetworkPolicy monitoring/prometheus allows pods in monitoring that do not exist."),
        ("LH404", "e2e/outside is synced by no Application; Namespace outside is one of its resources."),
    }
    assert {(finding.rule, finding.message) for finding in report.findings} == expected, text(report)


def test_every_application_is_the_overlays_own(overlay_of: Callable[[str], Any], repo: Path) -> None:
    applications = overlay_of("e2e").all("Application")
    paths = {item["metadata"]["name"]: item["spec"]["source"]["path"] for item in applications}
    assert all(path.startswith("tests/e2e/overlay/") for path in paths.values()), paths
    assert all((repo / path / "kustomization.yaml").is_file() for path in paths.values()), paths


def test_it_has_what_minikube_has_but_grafana(overlay_of: Callable[[str], Any]) -> None:
    names = {
        name: {item["metadata"]["name"] for item in overlay_of(name).all("Application")}
        for name in ("minikube", "e2e")
    }
    assert names["minikube"] - names["e2e"] == {"grafana"}
    assert names["e2e"] <= names["minikube"]


def test_argo_cd_pulls_from_the_cluster_only(overlay_of: Callable[[str], Any]) -> None:
    overlay = overlay_of("e2e")
    project = overlay.one("AppProject", "lakehouse")
    urls = {item["spec"]["source"]["repoURL"] for item in overlay.all("Application")}
    assert urls == set(project["spec"]["sourceRepos"])
    assert urls == {"git://git-server.outside.svc.cluster.local/lakehouse-platform.git"}


def test_tasks_ask_the_mocked_api_everywhere(overlay_of: Callable[[str], Any]) -> None:
    overlay = overlay_of("e2e")
    service = overlay.one("Service", "mock-api", "outside")
    url = f"http://mock-api.outside.svc.cluster.local:{service['spec']['ports'][0]['port']}/v1"
    for name in ("airflow-environment", "airflow-worker-environment"):
        assert overlay.one("ConfigMap", name)["data"]["BREWERY_API_URL"] == url


def test_it_fits_one_node_with_two_cores(overlay_of: Callable[[str], Any]) -> None:
    """What all pods ask for together leaves room for kind's own (0.85) and for a task with driver and executors."""
    containers = [container for _, spec in overlay_of("e2e").pods() for container in spec["containers"]]
    asked = [quantity(container["resources"]["requests"]["cpu"]) for container in containers]
    assert None not in asked
    assert sum(filter(None, asked)) < 0.5
