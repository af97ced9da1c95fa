"""What a pod says of itself: why it cannot start, and how it was started. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.clusters.kind import objects
from harness.clusters.kind.objects import Object

_HOPELESS: Final = frozenset(
    {
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    }
)
"""Reasons to wait that do not pass."""


def held(pods: Iterable[Object]) -> str | None:
    """Why one of the pods will never start, as a sentence, or None."""
    for pod in pods:
        for container in objects.container_statuses(pod):
            waiting = objects.waiting(container)
            if waiting.get("reason") in _HOPELESS:
                return (
                    f"Pod {objects.namespace(pod)}/{objects.name(pod)} cannot start its container "
                    f"{container['name']}: {waiting['reason']} ({waiting.get('message', 'without a message')})."
                )
    return None


@dataclass(frozen=True)
class Seen:
    """A pod as it was last seen."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    service_account: str
    phase: str

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> "Seen":
        meta = pod["metadata"]
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            labels=dict(meta.get("labels") or {}),
            service_account=str((pod.get("spec") or {}).get("serviceAccountName", "")),
            phase=str((pod.get("status") or {}).get("phase", "")),
        )
