"""What a pod tells about itself: what holds it, what it was started as. Pure: it judges what the API answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Object = Mapping[str, Any]
"""A Kubernetes object as JSON has it."""

_HOPELESS: Final = frozenset(
    {
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    }
)
"""Reasons to wait that no time heals."""


def held(pods: Iterable[Object]) -> str | None:
    """Why one of some pods will never start, as a sentence; None where none is held."""
    for pod in pods:
        for status in containers(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in _HOPELESS:
                return (
                    f"Pod {name(pod)} cannot start its container {status['name']}: "
                    f"{waiting['reason']} ({waiting.get('message', 'no more is said')})."
                )
    return None


def containers(pod: Object) -> list[Object]:
    """The states of a pod's containers, those that prepare it included."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def name(pod: Object) -> str:
    """Namespace and name."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


@dataclass(frozen=True)
class Seen:
    """What was seen of a pod while it lived.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        labels: Its labels.
        service_account: Whose rights it had.
        phase: The last phase that was seen.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    service_account: str
    phase: str

    @classmethod
    def of(cls, pod: Object) -> "Seen":
        """What counts of a pod."""
        meta = pod["metadata"]
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            labels=dict(meta.get("labels") or {}),
            service_account=str((pod.get("spec") or {}).get("serviceAccountName", "")),
            phase=str((pod.get("status") or {}).get("phase", "")),
        )
