"""What is wrong with the pods of a cluster. Pure: it judges what kubectl told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Object = dict[str, Any]

_PASSING: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons for waiting that are the ordinary course of a start."""


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong with a pod.

    Attributes:
        namespace: The pod's.
        pod: Its name.
        container: Which of its containers, or "" when it is the pod as a whole.
        reason: In one word, as Kubernetes has it.
        message: More about it, without line breaks.
        now: Whether it is so; False when it was, and the container has started again since.
    """

    namespace: str
    pod: str
    container: str
    reason: str
    message: str
    now: bool = True


def troubles(pods: Iterable[Object]) -> list[Trouble]:
    """What keeps pods from running, or from having ended well; in the order of their names."""
    found = [trouble for pod in pods for trouble in _of_pod(pod)]
    return sorted(found, key=lambda trouble: (trouble.namespace, trouble.pod, trouble.container))


def _of_pod(pod: Object) -> Iterator[Trouble]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    where = (metadata.get("namespace", ""), metadata["name"])
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Trouble(*where, "", condition.get("reason", "Unschedulable"), _line(condition.get("message")))
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Trouble(*where, "", status["reason"], _line(status.get("message")))
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        yield from _of_container(where, container)


def _of_container(where: tuple[str, str], container: Object) -> Iterator[Trouble]:
    state, last = container.get("state") or {}, container.get("lastState") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    ended_before = last.get("terminated") or {}
    name = container["name"]
    if waiting and waiting.get("reason") not in _PASSING:
        yield Trouble(*where, name, waiting.get("reason", "Waiting"), _line(waiting.get("message")))
    elif ended.get("exitCode"):
        yield Trouble(*where, name, ended.get("reason", "Error"), f"exit code {ended['exitCode']}")
    elif state.get("running") and not container.get("ready"):
        yield Trouble(*where, name, "NotReady", "it runs, and its readiness probe fails")
    if ended_before.get("exitCode") and container.get("restartCount"):
        ending = f"exit code {ended_before['exitCode']}, {container['restartCount']} restarts so far"
        yield Trouble(*where, name, f"Restarted ({ended_before.get('reason', 'Error')})", ending, now=False)


def _line(message: object) -> str:
    return " ".join(str(message or "").split())
