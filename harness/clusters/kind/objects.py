"""What an object tells, as `kubectl get -o json` prints it. Pure."""

from typing import Any

Object = dict[str, Any]


def name(item: Object) -> str:
    return str(item.get("metadata", {}).get("name", ""))


def namespace(item: Object) -> str:
    return str(item.get("metadata", {}).get("namespace", ""))


def status(item: Object) -> Object:
    return item.get("status") or {}


def conditions(item: Object) -> list[Object]:
    return status(item).get("conditions") or []


def holds(item: Object, condition: str) -> bool:
    return any(entry.get("type") == condition and entry.get("status") == "True" for entry in conditions(item))


def container_statuses(pod: Object) -> list[Object]:
    """Those of the init containers first."""
    return [*(status(pod).get("initContainerStatuses") or []), *(status(pod).get("containerStatuses") or [])]


def waiting(container: Object) -> Object:
    """Why a container waits, from its status; empty when it does not."""
    return (container.get("state") or {}).get("waiting") or {}


def ended_before(container: Object) -> Object:
    """How a container's previous process ended, from its status; empty when there was none."""
    return (container.get("lastState") or {}).get("terminated") or {}


def one_line(message: object) -> str:
    return " ".join(str(message or "").split())
