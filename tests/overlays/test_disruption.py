"""A node that is drained or lost takes one replica of a component, and its pods have time to end."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools


def test_replicas_are_spread_and_one_stays(overlay_of: Callable[[str], Any]) -> None:
    overlay = overlay_of("eks")
    several = [item for kind in ("Deployment", "StatefulSet") for item in overlay.all(kind)]
    several = [item for item in several if item["spec"].get("replicas", 1) > 1]
    assert {item["metadata"]["name"] for item in several} == {"airflow-scheduler", "airflow-webserver"}
    budgets = overlay.all("PodDisruptionBudget")
    assert len(budgets) == len(several)
    # Else a drain waits for ever for pods that wait for PostgreSQL.
    assert {budget["spec"]["unhealthyPodEvictionPolicy"] for budget in budgets} == {"AlwaysAllow"}
    for item in several:
        template = item["spec"]["template"]
        selectors = [budget["spec"]["selector"] for budget in budgets]
        constraints = template["spec"]["topologySpreadConstraints"]
        keys = {constraint["topologyKey"] for constraint in constraints}
        assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        own = constraints[0]["labelSelector"]
        assert [constraint["labelSelector"] for constraint in constraints] == [own, own]
        assert own in selectors
        assert own["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert own["matchLabels"]["app.kubernetes.io/component"] == item["metadata"]["name"].removeprefix(
            "airflow-"
        )


def test_every_airflow_pod_has_a_minute_to_end(overlay: Any) -> None:
    task = yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))["spec"]
    pods = [spec for name, spec in overlay.pods() if name.startswith("Deployment orchestrator/airflow-")]
    pods = [spec for spec in pods if "airflow" in spec["containers"][0]["image"]]
    assert len(pods) == 3
    assert all(spec["terminationGracePeriodSeconds"] >= 60 for spec in (task, *pods))
