"""In which order Argo CD brought the Applications up, from what the cluster remembers. Pure.

An Application has its time of creation; Argo CD writes an Event for each change of its sync status and health.
Kubernetes keeps Events for an hour; after that, only the last change of health is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from harness.clusters.kind.objects import Object, name, status
from harness.manifests.applications.argocd import wave as declared_wave

_HEALTH: Final = "Updated health status: "
_SYNC: Final = "Updated sync status: "
_ARROW: Final = " -> "


@dataclass(frozen=True)
class Step:
    """How one Application came up; `ready` is when it was first Synced and Healthy after its first sync."""

    wave: int
    application: str
    created: datetime
    ready: datetime | None


def wave(application: Object) -> int:
    return declared_wave(application) or 0


def history(applications: Iterable[Object], events: Sequence[Object], *, root: str = "platform") -> list[Step]:
    """The Applications below the root, which is in no wave, in the order of wave and creation."""
    steps = []
    for application in applications:
        if name(application) != root:
            created = datetime.fromisoformat(application["metadata"]["creationTimestamp"])
            about = [event for event in events if _is_about(event, name(application))]
            steps.append(Step(wave(application), name(application), created, _ready(application, about)))
    return sorted(steps, key=lambda step: (step.wave, step.created, step.application))


def _ready(application: Object, events: Sequence[Object]) -> datetime | None:
    now = status(application)
    deployed = [_time(item.get("deployedAt")) for item in now.get("history") or []]
    first_sync = min((time for time in deployed if time), default=None)
    if first_sync is None:
        # Nothing had to be synced, or its first sync is not over.
        if (now.get("operationState") or {}).get("phase") == "Running":
            return None
        first_sync = datetime.fromisoformat(application["metadata"]["creationTimestamp"])
    healthy, synced = False, False
    for event in sorted(events, key=_when):
        message = str(event.get("message", ""))
        if message.startswith(_HEALTH):
            healthy = message.rpartition(_ARROW)[2].strip() == "Healthy"
        elif message.startswith(_SYNC):
            synced = message.rpartition(_ARROW)[2].split()[:1] == ["Synced"]
        else:
            continue
        time = _time(_when(event))
        if healthy and synced and time:
            return max(time, first_sync)
    health = now.get("health") or {}
    if health.get("status") == "Healthy" and (now.get("sync") or {}).get("status") == "Synced":
        changed = _time(health.get("lastTransitionTime"))
        return max(first_sync, changed) if changed else first_sync
    return None


def _is_about(event: Object, application: str) -> bool:
    about = event.get("involvedObject") or {}
    return about.get("kind") == "Application" and about.get("name") == application


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
