"""Waits for Argo CD to bring the platform up, and stops when it cannot."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from harness.clusters.deploy.causes import Cause, Patience, State, crashed, find, is_ready, left_behind, log_line
from harness.clusters.deploy.waves import WAVE, wave
from harness.clusters.kind.kubectl import Kubectl
from harness.errors import HarnessError
from harness.machine.process import telling_line
from harness.manifests.build import Rendered

Object = dict[str, Any]

ARGOCD: Final = "cicd"
ROOT_APPLICATION: Final = "platform"
_POLL_SECONDS: Final = 2.0
_LOG_LINES: Final = "40"


def observe(cluster: Kubectl) -> State:
    """What the cluster's state is now."""
    kinds: dict[str, list[Object]] = {"Application": [], "Pod": [], "Job": [], "StatefulSet": []}
    for item in cluster.get("applications.argoproj.io,pods,jobs.batch,statefulsets.apps"):
        kinds[str(item["kind"])].append(item)
    return State(kinds["Application"], kinds["Pod"], kinds["Job"], _refusals(cluster), kinds["StatefulSet"])


def until_ready(
    cluster: Kubectl,
    wanted: Iterable[str],
    commit: str,
    *,
    seconds: float,
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> State:
    """Waits until every Application follows a commit, Synced and Healthy.

    Args:
        cluster: The cluster.
        wanted: Names of the Applications that have to be there, the root included.
        commit: What they have to follow.
        seconds: How long at most.
        tell: Told a line when an Application becomes ready.
        clock: Seconds.
        sleep: Waits for seconds.
    """
    names, told = set(wanted), set[str]()
    patience, start = Patience(), clock()
    while True:
        state = observe(cluster)
        ready = {
            name for item in state.applications if (name := str(item["metadata"]["name"])) and _is(item, commit)
        }
        for item in sorted(state.applications, key=wave):
            name = str(item["metadata"]["name"])
            if name in ready - told and name != ROOT_APPLICATION:
                told.add(name)
                tell(f"wave {wave(item)}  {name}")
        if names <= ready:
            return state
        for namespace, name in left_behind(state):
            _delete(cluster, namespace, name)
            tell(f"replaced  {namespace}/{name}, which was not ready and not of the newest template")
        causes = find(state)
        final = patience.final(causes, clock())
        if final is not None:
            raise HarnessError(explained(cluster, final))
        if clock() - start > seconds:
            raise HarnessError(_late(cluster, names - ready, causes, seconds))
        sleep(_POLL_SECONDS)


def follow(cluster: Kubectl, commit: str) -> None:
    """Lets the Applications that are there look at git at once, as a webhook does, and end syncs of other commits.

    A sync that waits for health would keep a newer commit waiting (`argocd app terminate-op` does the same).
    """
    here = f"--namespace={ARGOCD}"
    end = ["--type=merge", '--patch={"status": {"operationState": {"phase": "Terminating"}}}']
    for item in cluster.get("applications.argoproj.io", ARGOCD):
        operation = (item.get("status") or {}).get("operationState") or {}
        revision = ((operation.get("operation") or {}).get("sync") or {}).get("revision")
        if operation.get("phase") == "Running" and revision != commit:
            name = str(item["metadata"]["name"])
            cluster.run("patch", "application.argoproj.io", name, here, *end, doing=f"end the old sync of {name}")
    look = ["annotate", "applications.argoproj.io", "--all", "argocd.argoproj.io/refresh=normal", "--overwrite"]
    cluster.run(*look, here, doing="let Argo CD look at git")


def start_crashed_again(cluster: Kubectl, namespaces: Iterable[str]) -> None:
    """Deletes pods that wait to be started after a crash: what made them crash may be corrected now.

    Kubernetes would leave them alone for up to five minutes. Whoever made them makes them anew.
    """
    for namespace in namespaces:
        for _, name in crashed(cluster.get("pods", namespace)):
            _delete(cluster, namespace, name)


def until_established(
    cluster: Kubectl,
    definitions: Iterable[str],
    *,
    seconds: float = 60,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until the API server serves custom resources.

    Args:
        cluster: The cluster.
        definitions: Names of their definitions.
        seconds: How long at most.
        clock: Seconds.
        sleep: Waits for seconds.
    """
    names, start = set(definitions), clock()
    while True:
        found = cluster.get("customresourcedefinitions.apiextensions.k8s.io")
        served = {str(item["metadata"]["name"]) for item in found if _holds(item, "Established")}
        if names <= served:
            return
        if clock() - start > seconds:
            late = ", ".join(sorted(names - served))
            raise HarnessError(f"{cluster.context} does not serve {late} after {seconds:.0f} s: run this again.")
        sleep(_POLL_SECONDS)


def until_available(
    cluster: Kubectl,
    what: str,
    namespace: str,
    resources: Sequence[Rendered],
    *,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until the Deployments and StatefulSets among `resources` run as they were applied.

    Args:
        cluster: The cluster.
        what: What they are together, in words.
        namespace: Where they are.
        resources: What was applied.
        seconds: How long at most.
        clock: Seconds.
        sleep: Waits for seconds.
    """
    names = {(item.kind, item.name) for item in resources if item.kind in ("Deployment", "StatefulSet")}
    # Judged like an Application that is not healthy yet.
    waiting = {
        "metadata": {"name": what, "annotations": {WAVE: "-1"}},
        "spec": {"destination": {"namespace": namespace}},
    }
    patience, start = Patience(), clock()
    while True:
        found = cluster.get("deployments.apps,statefulsets.apps", namespace)
        running = {(str(item["kind"]), str(item["metadata"]["name"])) for item in found if is_available(item)}
        if names <= running:
            return
        state = State([waiting], cluster.get("pods", namespace), [], _refusals(cluster))
        causes = find(state)
        final = patience.final(causes, clock())
        if final is not None:
            raise HarnessError(explained(cluster, final))
        if clock() - start > seconds:
            missing = ", ".join(sorted(name for _, name in names - running))
            late = f"{what[0].upper()}{what[1:]} is not up after {seconds / 60:.0f} min ({missing})"
            raise HarnessError(f"{late}: 'kubectl -n {namespace} describe pods' says how far it is.")
        sleep(_POLL_SECONDS)


def _holds(item: Object, condition: str) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(entry.get("type") == condition and entry.get("status") == "True" for entry in conditions)


def is_available(workload: Object) -> bool:
    """Whether all replicas of a Deployment or StatefulSet run its newest template."""
    status, wanted = workload.get("status") or {}, workload.get("spec", {}).get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    ready = "availableReplicas" if workload.get("kind") == "Deployment" else "readyReplicas"
    return all(status.get(field, 0) == wanted for field in (ready, "updatedReplicas", "replicas"))


def explained(cluster: Kubectl, cause: Cause) -> str:
    """A cause as one sentence, with what its container said last."""
    if cause.container is None:
        return log_line(cause, {})
    namespace, pod, container = cause.container
    which = ["--previous", f"--container={container}"] if container else ["--all-containers"]
    options = [f"--namespace={namespace}", f"--tail={_LOG_LINES}", *which]
    try:
        log = cluster.run("logs", pod, *options, doing=f"read the log of {pod}")
    except HarnessError:
        return log_line(cause, {})
    return log_line(cause, {cause.container: telling_line(log) if log.strip() else ""})


def _delete(cluster: Kubectl, namespace: str, pod: str) -> None:
    options = ["--wait=false", "--ignore-not-found", f"--namespace={namespace}"]
    cluster.run("delete", "pod", pod, *options, doing=f"start the pod {namespace}/{pod} again")


def _refusals(cluster: Kubectl) -> list[Object]:
    return cluster.get("events", None, "--field-selector=type=Warning,reason=FailedCreate")


def _is(application: Object, commit: str) -> bool:
    revision = ((application.get("status") or {}).get("sync") or {}).get("revision")
    return is_ready(application) and revision == commit


def _late(cluster: Kubectl, missing: set[str], causes: list[Cause], seconds: float) -> str:
    names = ", ".join(sorted(missing - {ROOT_APPLICATION})) or ROOT_APPLICATION
    late = f"After {seconds / 60:.0f} min {names} not Synced and Healthy"
    if not causes:
        return f"{late}: 'kubectl -n {ARGOCD} get applications' says how far they are."
    return f"{late}. {explained(cluster, causes[0])}"
