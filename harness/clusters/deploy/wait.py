"""Waits for Argo CD to bring the platform up, and stops when it cannot."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.clusters.deploy.causes import Cause, Patience, State, crashed, find, is_ready, left_behind, sentence
from harness.clusters.deploy.waves import wave
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.objects import Object, holds, name, status
from harness.errors import HarnessError
from harness.machine.process import telling_line
from harness.manifests.applications.argocd import WAVE
from harness.manifests.resource import Resource

ARGOCD: Final = "cicd"
ROOT_APPLICATION: Final = "platform"
_POLL_SECONDS: Final = 2.0
_LOG_LINES: Final = "40"


@dataclass
class Wait:
    """A wait of limited length, which ends early when a cause is final."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.end = self.clock() + self.seconds

    @property
    def is_over(self) -> bool:
        return self.clock() > self.end

    def pause(self) -> None:
        self.sleep(_POLL_SECONDS)

    def check(self, cluster: Kubectl, causes: Sequence[Cause]) -> None:
        """Raises an error when one of the causes has lasted long enough to be final."""
        final = self.patience.final(causes, self.clock())
        if final is not None:
            raise HarnessError(explained(cluster, final))


def observe(cluster: Kubectl) -> State:
    kinds: dict[str, list[Object]] = {"Application": [], "Pod": [], "Job": [], "StatefulSet": []}
    for item in cluster.get("applications.argoproj.io,pods,jobs.batch,statefulsets.apps"):
        kinds[str(item["kind"])].append(item)
    return State(kinds["Application"], kinds["Pod"], kinds["Job"], _refusals(cluster), kinds["StatefulSet"])


def until_ready(
    cluster: Kubectl, wanted: Iterable[str], commit: str, wait: Wait, *, tell: Callable[[str], None]
) -> State:
    """Waits until the `wanted` Applications, the root included, follow a commit, Synced and Healthy.

    `tell` gets a line when one becomes ready.
    """
    names, told = set(wanted), set[str]()
    while True:
        state = observe(cluster)
        ready = {name(item) for item in state.applications if is_ready(item) and _follows(item, commit)}
        for item in sorted(state.applications, key=wave):
            if name(item) in ready - told and name(item) != ROOT_APPLICATION:
                told.add(name(item))
                tell(f"wave {wave(item)}  {name(item)}")
        if names <= ready:
            return state
        for namespace, pod in left_behind(state):
            _delete(cluster, namespace, pod)
            tell(f"replaced  {namespace}/{pod}, which was not ready and not of the newest template")
        causes = find(state)
        wait.check(cluster, causes)
        if wait.is_over:
            raise HarnessError(_late(cluster, names - ready, causes, wait.seconds))
        wait.pause()


def follow(cluster: Kubectl, commit: str) -> None:
    """Lets the Applications that are there look at git at once, as a webhook does, and end syncs of other commits.

    A sync that waits for health would keep a newer commit waiting (`argocd app terminate-op` does the same).
    """
    here = f"--namespace={ARGOCD}"
    end = ["--type=merge", '--patch={"status": {"operationState": {"phase": "Terminating"}}}']
    for item in cluster.get("applications.argoproj.io", ARGOCD):
        operation = status(item).get("operationState") or {}
        revision = ((operation.get("operation") or {}).get("sync") or {}).get("revision")
        if operation.get("phase") == "Running" and revision != commit:
            application = name(item)
            doing = f"end the old sync of {application}"
            cluster.run("patch", "application.argoproj.io", application, here, *end, doing=doing)
    look = ["annotate", "applications.argoproj.io", "--all", "argocd.argoproj.io/refresh=normal", "--overwrite"]
    cluster.run(*look, here, doing="let Argo CD look at git")


def start_crashed_again(cluster: Kubectl, namespaces: Iterable[str]) -> None:
    """Deletes pods that wait to be started after a crash: what made them crash may be corrected now.

    Kubernetes would leave them alone for up to five minutes. Their owners recreate them.
    """
    for namespace in namespaces:
        for _, pod in crashed(cluster.get("pods", namespace)):
            _delete(cluster, namespace, pod)


def until_established(cluster: Kubectl, definitions: Iterable[str], wait: Wait | None = None) -> None:
    """Waits until the API server serves the custom resources of definitions, a minute at most by default."""
    names, wait = set(definitions), wait or Wait(60)
    while True:
        present = cluster.get("customresourcedefinitions.apiextensions.k8s.io")
        served = {name(item) for item in present if holds(item, "Established")}
        if names <= served:
            return
        if wait.is_over:
            late = ", ".join(sorted(names - served))
            raise HarnessError(f"{cluster.context} does not serve {late} after {wait.seconds:.0f} s: try again.")
        wait.pause()


def until_available(cluster: Kubectl, what: str, namespace: str, resources: Sequence[Resource], wait: Wait) -> None:
    """Waits until the Deployments and StatefulSets among `resources`, called `what`, run as they were applied."""
    names = {(item.kind, item.name) for item in resources if item.kind in ("Deployment", "StatefulSet")}
    # Judged like an Application that is not healthy yet.
    waiting = {
        "metadata": {"name": what, "annotations": {WAVE: "-1"}},
        "spec": {"destination": {"namespace": namespace}},
    }
    while True:
        workloads = cluster.get("deployments.apps,statefulsets.apps", namespace)
        running = {(str(item["kind"]), name(item)) for item in workloads if is_available(item)}
        if names <= running:
            return
        state = State([waiting], cluster.get("pods", namespace), [], _refusals(cluster))
        wait.check(cluster, find(state))
        if wait.is_over:
            missing = ", ".join(sorted(name for _, name in names - running))
            late = f"{what[0].upper()}{what[1:]} is not up after {wait.seconds / 60:.0f} min ({missing})"
            raise HarnessError(f"{late}: 'kubectl -n {namespace} describe pods' says why.")
        wait.pause()


def is_available(workload: Object) -> bool:
    """Whether all replicas of a Deployment or StatefulSet run its newest template."""
    now, wanted = status(workload), workload.get("spec", {}).get("replicas", 1)
    if now.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    ready = "availableReplicas" if workload.get("kind") == "Deployment" else "readyReplicas"
    return all(now.get(field, 0) == wanted for field in (ready, "updatedReplicas", "replicas"))


def explained(cluster: Kubectl, cause: Cause) -> str:
    """A cause as one sentence, with what its container said last."""
    if cause.container is None:
        return sentence(cause)
    namespace, pod, container = cause.container
    which = ["--previous", f"--container={container}"] if container else ["--all-containers"]
    options = [f"--namespace={namespace}", f"--tail={_LOG_LINES}", *which]
    try:
        log = cluster.run("logs", pod, *options, doing=f"read the log of {pod}")
    except HarnessError:
        return sentence(cause)
    return sentence(cause, telling_line(log) if log.strip() else "")


def _delete(cluster: Kubectl, namespace: str, pod: str) -> None:
    options = ["--wait=false", "--ignore-not-found", f"--namespace={namespace}"]
    cluster.run("delete", "pod", pod, *options, doing=f"start the pod {namespace}/{pod} again")


def _refusals(cluster: Kubectl) -> list[Object]:
    return cluster.get("events", None, "--field-selector=type=Warning,reason=FailedCreate")


def _follows(application: Object, commit: str) -> bool:
    return bool((status(application).get("sync") or {}).get("revision") == commit)


def _late(cluster: Kubectl, missing: set[str], causes: list[Cause], seconds: float) -> str:
    names = ", ".join(sorted(missing - {ROOT_APPLICATION})) or ROOT_APPLICATION
    late = f"After {seconds / 60:.0f} min {names} not Synced and Healthy"
    if not causes:
        return f"{late}: 'kubectl -n {ARGOCD} get applications' says how far they are."
    return f"{late}. {explained(cluster, causes[0])}"
