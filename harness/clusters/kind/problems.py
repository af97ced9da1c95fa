"""What keeps the pods of a cluster from running. Pure: it judges what kubectl told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.clusters.kind import objects
from harness.clusters.kind.objects import Object, one_line

_PASSING: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons for waiting that are the ordinary course of a start."""


@dataclass(frozen=True)
class PodProblem:
    """One thing that is wrong with a pod.

    Attributes:
        container: Which of its containers, or "" when it is the pod as a whole.
        reason: In one word, as Kubernetes has it.
        now: False when the container has started again since.
    """

    namespace: str
    pod: str
    container: str
    reason: str
    message: str
    now: bool = True


def pod_problems(pods: Iterable[Object]) -> list[PodProblem]:
    """What keeps pods from running, or from having ended well; in the order of their names."""
    problems = [problem for pod in pods for problem in _of_pod(pod)]
    return sorted(problems, key=lambda problem: (problem.namespace, problem.pod, problem.container))


def _of_pod(pod: Object) -> Iterator[PodProblem]:
    status, where = objects.status(pod), (objects.namespace(pod), objects.name(pod))
    for condition in objects.conditions(pod):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            reason = condition.get("reason", "Unschedulable")
            yield PodProblem(*where, "", reason, one_line(condition.get("message")))
    if status.get("phase") == "Failed" and status.get("reason"):
        yield PodProblem(*where, "", status["reason"], one_line(status.get("message")))
    for container in objects.container_statuses(pod):
        yield from _of_container(where, container)


def _of_container(where: tuple[str, str], container: Object) -> Iterator[PodProblem]:
    state, name = container.get("state") or {}, container["name"]
    waiting, ended = objects.waiting(container), state.get("terminated") or {}
    ended_before = objects.ended_before(container)
    if waiting and waiting.get("reason") not in _PASSING:
        yield PodProblem(*where, name, waiting.get("reason", "Waiting"), one_line(waiting.get("message")))
    elif ended.get("exitCode"):
        yield PodProblem(*where, name, ended.get("reason", "Error"), f"exit code {ended['exitCode']}")
    elif state.get("running") and not container.get("ready"):
        yield PodProblem(*where, name, "NotReady", "it runs, and its readiness probe fails")
    if ended_before.get("exitCode") and container.get("restartCount"):
        ending = f"exit code {ended_before['exitCode']}, {container['restartCount']} restarts so far"
        yield PodProblem(*where, name, f"Restarted ({ended_before.get('reason', 'Error')})", ending, now=False)
