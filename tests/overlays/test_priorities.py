"""Every pod has a priority: what deploys first, then what keeps data, then what is repeated after an eviction."""

from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools

CONTROL = {"cicd", "management", "orchestrator", "processing"}
DATA = {"database", "deepstorage", "monitoring"}


def test_every_workload_has_the_priority_of_its_namespace(overlay: Any) -> None:
    expected = dict.fromkeys(CONTROL, "lakehouse-control") | dict.fromkeys(DATA, "lakehouse-data")
    expected["jupyter"] = "lakehouse-tasks"
    pods = list(overlay.pods())
    assert {name.split()[1].partition("/")[0] for name, _ in pods} == set(expected)
    for name, spec in pods:
        assert spec.get("priorityClassName") == expected[name.split()[1].partition("/")[0]], name


def test_what_airflow_starts_gives_way_to_everything_else(overlay: Any) -> None:
    task = yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))
    spark = yaml.safe_load(overlay.text("spark-application", "spark-application.yaml"))["spec"]
    specs = [task["spec"], spark["driver"]["template"]["spec"], spark["executor"]["template"]["spec"]]
    assert [spec.get("priorityClassName") for spec in specs] == ["lakehouse-tasks"] * 3


def test_the_classes_are_in_order_below_those_of_kubernetes(overlay: Any) -> None:
    values = {item["metadata"]["name"]: item["value"] for item in overlay.all("PriorityClass")}
    assert 0 < values["lakehouse-tasks"] < values["lakehouse-data"] < values["lakehouse-control"] < 1_000_000_000
    assert not any(item.get("globalDefault") for item in overlay.all("PriorityClass")), "other pods are not ours"


def test_argo_cd_may_compare_the_classes_and_leaves_them_to_an_administrator(overlay: Any) -> None:
    for item in overlay.all("PriorityClass"):
        assert item["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "Skip"
    rules = overlay.one("ClusterRole", "argocd-sync-cluster")["rules"]
    (verbs,) = [rule["verbs"] for rule in rules if "priorityclasses" in rule["resources"]]
    assert set(verbs) == {"get", "list", "watch"}


def test_no_quota_counts_by_priority(overlay: Any) -> None:
    """A quota with a scope would count only some of a namespace's pods."""
    for quota in overlay.all("ResourceQuota"):
        assert {"scopes", "scopeSelector"}.isdisjoint(quota["spec"]), quota["metadata"]
