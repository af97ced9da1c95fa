"""Argo CD brought the platform up wave by wave, in the source's order: read from what the cluster remembers."""

import pytest
import yaml

from harness.clusters.deploy.causes import is_ready
from harness.clusters.deploy.wait import ARGOCD, ROOT_APPLICATION
from harness.clusters.kind.kubectl import Kubectl
from harness.paths import ROOT
from tests.live.history import is_remembered, steps, violations

pytestmark = pytest.mark.e2e

WAVES: dict[str, int] = yaml.safe_load((ROOT / "tests" / "source-waves.yaml").read_text(encoding="utf-8"))
SOURCE = {name: wave for name, wave in WAVES.items() if name != "grafana"}
"""Without Grafana, which the tests' environment leaves out."""


def test_every_application_is_what_git_says_and_healthy(cluster: Kubectl) -> None:
    applications = cluster.get("applications.argoproj.io", ARGOCD)
    assert {item["metadata"]["name"] for item in applications} >= {*SOURCE, ROOT_APPLICATION, "jupyter"}
    assert [item["metadata"]["name"] for item in applications if not is_ready(item)] == []


def test_the_waves_came_in_the_sources_order_each_once_the_one_before_was_ready(cluster: Kubectl) -> None:
    if not is_remembered(cluster):
        pytest.skip(
            "the platform came up an hour ago, and Kubernetes no longer knows how: 'harness e2e' makes a new one"
        )
    came = steps(cluster)
    waves = {step.application: step.wave for step in came}
    assert {name: waves[name] for name in SOURCE} == SOURCE
    assert waves["jupyter"] > max(SOURCE.values())
    assert violations(came) == []
