"""How long a cluster remembers how the platform came up."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.clusters.kind.kubectl import Kubectl
from tests.live.history import is_remembered, steps


@pytest.fixture
def cluster(tmp_path: Path) -> Kubectl:
    """A kubectl that lists `applications` and `events`, which are files."""
    program = tmp_path / "kubectl"
    program.write_text(
        f'#!/bin/sh\ncd "{tmp_path}"\ncase "$*" in *"get events"*) cat events ;; *) cat applications ;; esac\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "events").write_text('{"items": []}')
    return Kubectl(tmp_path / "kubeconfig", "some", program)


def has(cluster: Kubectl, **ages: timedelta) -> None:
    items = [
        {
            "metadata": {
                "name": name,
                "creationTimestamp": (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "annotations": {"argocd.argoproj.io/sync-wave": "2"},
            }
        }
        for name, age in ages.items()
    ]
    (cluster.program.parent / "applications").write_text(json.dumps({"items": items}))


@pytest.mark.parametrize(("minutes", "remembered"), [(5, True), (70, False)])
def test_it_does_so_for_an_hour_from_the_root_on(cluster: Kubectl, minutes: int, remembered: bool) -> None:
    has(cluster, platform=timedelta(minutes=minutes), database=timedelta(minutes=1))
    assert is_remembered(cluster) is remembered


def test_a_cluster_without_the_platform_remembers_nothing(cluster: Kubectl) -> None:
    has(cluster)
    assert not is_remembered(cluster)


def test_the_root_is_no_step(cluster: Kubectl) -> None:
    has(cluster, platform=timedelta(minutes=5), database=timedelta(minutes=1))
    assert [(step.application, step.wave) for step in steps(cluster)] == [("database", 2)]
