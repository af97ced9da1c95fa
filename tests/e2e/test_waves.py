"""Argo CD brought the platform up wave by wave, in the source's order: read from what the cluster remembers."""

from datetime import UTC, datetime, timedelta

import pytest

from harness.cluster.kubectl import Kubectl
from harness.deploy.causes import is_ready
from harness.deploy.wait import ARGOCD, ROOT_APPLICATION
from harness.deploy.waves import history, violations

pytestmark = pytest.mark.e2e

SOURCE = {
    "misc": 1,
    "database": 2,
    "processing": 3,
    "orchestrator": 3,
    "management": 5,
    "deepstorage": 6,
    "monitoring": 7,
}
"""The waves of the architecture's own list; what it does not name comes before (Argo CD) or after (JupyterLab)."""
REMEMBERED = timedelta(minutes=55)
"""Kubernetes keeps events for an hour."""


def test_every_application_is_what_git_says_and_healthy(cluster: Kubectl) -> None:
    applications = cluster.get("applications.argoproj.io", ARGOCD)
    assert {item["metadata"]["name"] for item in applications} >= {*SOURCE, ROOT_APPLICATION, "jupyter"}
    assert [item["metadata"]["name"] for item in applications if not is_ready(item)] == []


def test_the_waves_came_in_the_sources_order_each_once_the_one_before_was_ready(cluster: Kubectl) -> None:
    applications = cluster.get("applications.argoproj.io", ARGOCD)
    root = next(item for item in applications if item["metadata"]["name"] == ROOT_APPLICATION)
    age = datetime.now(UTC) - datetime.fromisoformat(root["metadata"]["creationTimestamp"])
    if age > REMEMBERED:
        pytest.skip(
            "the platform came up an hour ago, and Kubernetes no longer knows how: 'harness e2e' makes a new one"
        )
    events = cluster.get("events", ARGOCD, "--field-selector=involvedObject.kind=Application")
    steps = history(applications, events)
    waves = {step.application: step.wave for step in steps}
    assert {name: waves[name] for name in SOURCE} == SOURCE
    assert waves["jupyter"] > max(SOURCE.values())
    assert violations(steps) == []
