from datetime import UTC, datetime
from typing import Any

import pytest

from harness.clusters.deploy.waves import history

Object = dict[str, Any]


def at(second: int) -> datetime:
    return datetime(2026, 3, 1, 6, 0, second, tzinfo=UTC)


def stamp(second: int) -> str:
    return f"2026-03-01T06:00:{second:02}Z"


def application(name: str, number: int, created: int, deployed: int | None, **status: Any) -> Object:
    synced = {"history": [{"deployedAt": stamp(deployed)}]} if deployed is not None else {}
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": stamp(created),
            "annotations": {"argocd.argoproj.io/sync-wave": str(number)},
        },
        "status": {**synced, **status},
    }


def event(name: str, second: int, message: str) -> Object:
    return {
        "involvedObject": {"kind": "Application", "name": name},
        "lastTimestamp": stamp(second),
        "message": message,
    }


def came_up(name: str, synced: int, healthy: int) -> list[Object]:
    return [
        event(name, healthy, "Updated health status: Progressing -> Healthy"),
        event(name, synced, "Updated sync status: OutOfSync -> Synced"),
        event(name, synced, "Sync operation to 1234567 succeeded"),
    ]


def test_an_application_is_ready_when_it_is_synced_and_healthy_for_the_first_time() -> None:
    events = [*came_up("database", 5, 9), event("database", 20, "Updated health status: Healthy -> Degraded")]
    (step,) = history([application("database", 2, 1, 5)], events)
    assert (step.wave, step.application, step.created, step.ready) == (2, "database", at(1), at(9))


def test_health_before_the_first_sync_does_not_count() -> None:
    events = [
        event("misc", 2, "Updated health status:  -> Healthy"),
        event("misc", 3, "Updated sync status:  -> OutOfSync"),
        event("misc", 7, "Updated sync status: OutOfSync -> Synced"),
    ]
    (step,) = history([application("misc", 1, 1, 7)], events)
    assert step.ready == at(7)


def test_a_sync_that_ends_after_health_counts() -> None:
    """A hook that still runs: its resources are as git says, and healthy, but the sync is not over."""
    (step,) = history([application("database", 2, 1, 15)], came_up("database", 6, 9))
    assert step.ready == at(15)


def test_what_was_as_git_says_from_the_beginning_needs_no_sync() -> None:
    events = [
        event("definitions", 4, "Updated sync status:  -> Synced"),
        event("definitions", 4, "Updated health status:  -> Healthy"),
    ]
    (step,) = history([application("definitions", 0, 1, None)], events)
    assert step.ready == at(4)


def test_while_the_first_sync_is_under_way_nothing_is_ready() -> None:
    running: Object = {"operationState": {"phase": "Running"}}
    (step,) = history([application("database", 2, 1, None, **running)], came_up("database", 5, 9))
    assert step.ready is None


@pytest.mark.parametrize(
    ("health", "ready"),
    [({"status": "Healthy", "lastTransitionTime": stamp(12)}, at(12)), ({"status": "Progressing"}, None)],
)
def test_without_events_the_last_change_of_health_has_to_do(health: Object, ready: datetime | None) -> None:
    (step,) = history([application("database", 2, 1, 5, sync={"status": "Synced"}, health=health)], [])
    assert step.ready == ready


def test_the_root_is_in_no_wave() -> None:
    assert history([application("platform", 0, 0, 1)], []) == []


def test_steps_are_in_the_order_of_wave_and_creation() -> None:
    applications = [application("b", 2, 9, 11), application("a", 1, 1, 5), application("c", 2, 9, 12)]
    events = [*came_up("a", 5, 9), *came_up("b", 11, 13), *came_up("c", 12, 14)]
    assert [step.application for step in history(applications, events)] == ["a", "b", "c"]
