import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.clusters.deploy.waves import Step
from harness.clusters.kind.kubectl import Kubectl
from tests.harness.programs import program
from tests.live.history import is_remembered, steps, violations


@pytest.fixture
def cluster(tmp_path: Path) -> Kubectl:
    """A kubectl that lists `applications` and `events`, which are files."""
    script = f'cd "{tmp_path}"; case "$*" in *"get events"*) cat events ;; *) cat applications ;; esac'
    (tmp_path / "events").write_text('{"items": []}')
    return Kubectl(tmp_path / "kubeconfig", "some", program(tmp_path / "kubectl", script))


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


def at(second: int) -> datetime:
    return datetime(2026, 3, 1, 6, 0, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ready", "created", "expected"),
    [
        (at(9), at(9), []),
        # Without the health check of Applications they follow each other within seconds.
        (at(9), at(3), ["b (wave 2) came 6 s before a (wave 1) was ready."]),
        (None, at(3), ["b (wave 2) is there, a is not ready."]),
    ],
)
def test_a_wave_that_came_before_an_earlier_one_was_ready_is_told(
    ready: datetime | None, created: datetime, expected: list[str]
) -> None:
    steps = [Step(1, "a", at(1), ready), Step(2, "b", created, at(11)), Step(2, "c", created, at(12))]
    assert violations(steps[:2]) == expected
    assert len(violations(steps)) == 2 * len(expected)
