"""Grafana's dashboards: what can be chosen, what is marked in time, and where their links lead."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

Dashboard = dict[str, Any]
FILES = sorted((ROOT / "base" / "monitoring" / "grafana" / "dashboards").glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def dashboard(request: pytest.FixtureRequest) -> Dashboard:
    return dict(json.loads(request.param.read_text(encoding="utf-8")))


def variables(dashboard: Dashboard, kind: str) -> dict[str, Dashboard]:
    return {item["name"]: item for item in dashboard["templating"]["list"] if item["type"] == kind}


def links(value: Any) -> Iterator[str]:
    """The addresses of all links in a dashboard or panel."""
    if isinstance(value, dict):
        if "url" in value:
            yield value["url"]
        for item in value.values():
            yield from links(item)
    elif isinstance(value, list):
        for item in value:
            yield from links(item)


def test_what_can_be_chosen() -> None:
    chosen = {file.stem: set(variables(json.loads(file.read_text("utf-8")), "query")) for file in FILES}
    assert chosen == {
        "airflow": {"dag"},
        "database": set(),
        "object-store": set(),
        "pipeline": {"dag"},
        "platform": {"namespace", "application"},
        "spark": {"task"},
        "storage": {"namespace"},
    }


def test_a_variable_is_used_by_a_panel_and_starts_with_all(dashboard: Dashboard) -> None:
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for name, variable in variables(dashboard, "query").items():
        assert any(f'=~"${name}"' in expression for expression in expressions), name
        assert (variable["allValue"], variable["current"]["value"]) == (".*", ["$__all"])


def test_a_panel_whose_series_have_a_dag_or_task_obeys_the_choice(dashboard: Dashboard) -> None:
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    label = re.compile(r"\{\{(dag|task)_id\}\}")
    to_choose = [target["expr"] for target in targets if label.search(target["legendFormat"])]
    free = [expr for expr in to_choose if 'dag_id=~"$dag"' not in expr and 'task_id=~"$task"' not in expr]
    assert free == []


def test_deployments_and_runs_are_marked(dashboard: Dashboard) -> None:
    marked = {item["name"]: item["expr"] for item in dashboard["annotations"]["list"]}
    assert set(marked) == {"Deployments", "DAG runs", "Failed DAG runs"}
    assert "argocd_app_sync_total" in marked["Deployments"]
    assert 'state="failed"' in marked["Failed DAG runs"]


def test_a_link_uses_labels_that_the_legend_has_too(dashboard: Dashboard) -> None:
    for panel in dashboard["panels"]:
        used = {label for url in links(panel) for label in re.findall(r"\$\{__field\.labels\.(\w+)\}", url)}
        legends = " ".join(target.get("legendFormat", "") for target in panel["targets"])
        by = " ".join(target["expr"] for target in panel["targets"])
        assert all(f"{{{{{label}}}}}" in legends or f"by ({label}" in by for label in used), panel["title"]


def test_links_lead_to_the_port_forwards_of_the_guide(dashboard: Dashboard) -> None:
    guide = (ROOT / "docs" / "minikube.md").read_text(encoding="utf-8")
    pages = {"argocd": ("argocd-server", "https"), "airflow": ("airflow-webserver", "http")}
    pages["history"] = ("spark-history", "http")
    for name, variable in variables(dashboard, "textbox").items():
        service, scheme = pages[name]
        port = re.search(rf"port-forward service/{service} (\d+)", guide)
        assert port is not None
        assert variable["query"] == variable["current"]["value"] == f"{scheme}://localhost:{port[1]}"
    addresses = [url for url in links(dashboard) if url]
    assert all(re.match(r"\$\{(airflow|argocd|history):raw\}/", url) for url in addresses)
    used = {re.sub(r"\$\{(\w+):raw\}.*", r"\1", url) for url in addresses}
    assert used == set(variables(dashboard, "textbox"))


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [
        ("pipeline", ["/home", "/dags/", "/taskinstance/list/"]),
        ("airflow", ["/home", "/dags/", "/taskinstance/list/"]),
        ("spark", ["/taskinstance/list/", "/"]),
        ("platform", ["/applications", "/applications/cicd/"]),
    ],
)
def test_a_dashboard_leads_to_the_run_the_log_or_the_application(name: str, leads_to: list[str]) -> None:
    (file,) = (file for file in FILES if file.stem == name)
    addresses = list(links(json.loads(file.read_text(encoding="utf-8"))))
    for path in leads_to:
        assert any(f":raw}}{path}" in url for url in addresses), path


def test_the_objective_is_that_of_the_alerts(repo: Path) -> None:
    rules = (repo / "base/monitoring/prometheus/rules/service-levels.yaml").read_text(encoding="utf-8")
    match = re.search(r'days="28"\} > ([\d.]+) \* 28$', rules, re.MULTILINE)
    assert match is not None
    (file,) = (file for file in FILES if file.stem == "pipeline")
    panels = {panel["title"]: panel for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]}
    thresholds = panels["Good days of the last 28"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    steps = {step["color"]: step["value"] for step in thresholds}
    assert steps["orange"] == 1 - float(match[1])
