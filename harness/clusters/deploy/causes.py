"""Why an Application does not become healthy. Pure: it judges what kubectl told.

A state is only final when it lasts: an image that is pulled at the second try, a process that starts before its
database, a comparison while the git server restarts are no failures.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.clusters.deploy.waves import wave
from harness.clusters.kind import objects
from harness.clusters.kind.objects import Object, name, namespace, one_line

_NO_IMAGE: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_NO_CONTAINER: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_REFUSALS: Final = {
    "InvalidSpecError": (6, "does not accept the Application {}", 20),
    "ComparisonError": (7, "cannot build {} from git", 30),
    "SyncError": (8, "gave up on {}", 20),
}
"""Rank, words and patience by the type of an Application's condition."""
_RESTARTS: Final = 3
"""Restarts after which a container is expected to keep crashing."""
_LONGEST: Final = 300


@dataclass(frozen=True)
class Cause:
    """One reason.

    Attributes:
        rank: Lower is nearer to the origin: an image before the process, a process before the sync.
        what: The start of a sentence.
        help: Its end: what to do.
        patience: Seconds that it must last to be final.
        container: (namespace, pod, container) whose log says more, if any.
    """

    application: str
    wave: int
    rank: int
    what: str
    help: str
    patience: float
    container: tuple[str, str, str] | None = None

    @property
    def key(self) -> tuple[str, int, str]:
        """Identifies it while its wording changes."""
        return self.application, self.rank, self.what.partition(" (")[0]


@dataclass(frozen=True)
class State:
    """What a deployment looks at in a cluster, in all namespaces; `events` are the warnings."""

    applications: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)
    stateful_sets: list[Object] = field(default_factory=list)


def is_ready(application: Object) -> bool:
    """Whether an Application is Synced and Healthy, without a sync in progress."""
    status = application.get("status") or {}
    return (
        (status.get("sync") or {}).get("status") == "Synced"
        and (status.get("health") or {}).get("status") == "Healthy"
        and (status.get("operationState") or {}).get("phase") != "Running"
    )


def find(state: State) -> list[Cause]:
    """What keeps Applications from becoming healthy, the likeliest origin first."""
    waiting = [application for application in state.applications if not is_ready(application)]
    causes: list[Cause] = []
    by_namespace: dict[str, Object] = {}
    for application in sorted(waiting, key=wave):
        causes += _of_application(application)
        if name(application) not in ("platform", "misc"):
            destination = application.get("spec", {}).get("destination", {})
            by_namespace.setdefault(str(destination.get("namespace", "")), application)
    for where, application in by_namespace.items():
        causes += _of_pods(application, (pod for pod in state.pods if namespace(pod) == where))
        causes += _of_jobs(application, (job for job in state.jobs if namespace(job) == where))
        causes += _of_events(application, (event for event in state.events if namespace(event) == where))
    return sorted(causes, key=lambda cause: (cause.wave, cause.rank))


class Patience:
    """Remembers since when each cause has been there, over a series of observations."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int, str], float] = {}

    def final(self, causes: Iterable[Cause], now: float) -> Cause | None:
        """The first cause that has lasted long enough to be final, if any; `now` is a monotonic time in seconds."""
        present = {cause.key: cause for cause in causes}
        self._since = {key: self._since.get(key, now) for key in present}
        return next((cause for key, cause in present.items() if now - self._since[key] >= cause.patience), None)


def crashed(pods: Iterable[Object]) -> list[tuple[str, str]]:
    """The pods (namespace, name) with a container that waits, after a crash, to be started again."""
    return [
        (namespace(pod), name(pod))
        for pod in pods
        if "CrashLoopBackOff" in {objects.waiting(item).get("reason") for item in objects.container_statuses(pod)}
    ]


def left_behind(state: State) -> list[tuple[str, str]]:
    """The pods (namespace, name) of StatefulSets that are not ready, and not of the newest template either.

    A StatefulSet waits for such a pod to become ready before it replaces it, even where only the new template can
    make it so (Kubernetes' documentation calls it "forced rollback"): somebody has to delete it.
    """
    newest = {
        (namespace(item), name(item)): objects.status(item).get("updateRevision") for item in state.stateful_sets
    }
    left = []
    for pod in state.pods:
        meta = pod.get("metadata", {})
        owners = [owner for owner in meta.get("ownerReferences") or [] if owner.get("kind") == "StatefulSet"]
        wanted = newest.get((namespace(pod), str(owners[0].get("name")))) if owners else None
        own = (meta.get("labels") or {}).get("controller-revision-hash")
        if wanted and own != wanted and not objects.holds(pod, "Ready") and not meta.get("deletionTimestamp"):
            left.append((namespace(pod), name(pod)))
    return left


def _of_pods(application: Object, pods: Iterable[Object]) -> Iterator[Cause]:
    whose = name(application), wave(application)
    for pod in pods:
        where = f"pod {namespace(pod)}/{name(pod)}"
        if pod.get("metadata", {}).get("deletionTimestamp"):
            continue
        for condition in objects.conditions(pod):
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
                what = f"{where} cannot be scheduled ({_short(condition.get('message'))})"
                yield Cause(*whose, 5, what, "give the node more CPU or memory, or look at its volume claim", 120)
        for container in objects.container_statuses(pod):
            waiting = objects.waiting(container)
            reason, message = str(waiting.get("reason", "")), _short(waiting.get("message"))
            place = (namespace(pod), name(pod), str(container.get("name")))
            if reason in _NO_IMAGE:
                what = f"{where} cannot get the image {container.get('image')} ({message or reason})"
                yield Cause(*whose, 0, what, "load it with 'harness images load', or correct its name", 20)
            elif reason in _NO_CONTAINER:
                what = f"{where} cannot start its container {place[2]} ({message or reason})"
                yield Cause(*whose, 1, what, "'harness secrets list' says whether a Secret is missing", 45)
            elif reason == "CrashLoopBackOff" and int(container.get("restartCount", 0)) >= _RESTARTS:
                ended = objects.ended_before(container)
                why = f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode', '?')}"
                what = f"container {place[2]} of {where} keeps crashing ({why})"
                log = f"kubectl logs --previous -n {place[0]} {place[1]} -c {place[2]}"
                yield Cause(*whose, 2, what, f"see '{log}'", 20, place)


def _of_jobs(application: Object, jobs: Iterable[Object]) -> Iterator[Cause]:
    for job in jobs:
        for condition in objects.conditions(job):
            if condition.get("type") == "Failed" and condition.get("status") == "True":
                where, job_name = namespace(job), name(job)
                what = f"Job {where}/{job_name} failed ({_short(condition.get('message'))})"
                hint = f"see 'kubectl logs -n {where} job/{job_name} --all-containers'"
                log = (where, f"job/{job_name}", "")
                yield Cause(name(application), wave(application), 3, what, hint, 30, log)


def _of_events(application: Object, events: Iterable[Object]) -> Iterator[Cause]:
    for event in events:
        if event.get("reason") == "FailedCreate":
            about = event.get("involvedObject") or {}
            owner = f"{about.get('kind')} {about.get('namespace')}/{about.get('name')}"
            what = f"{owner} cannot create its pods ({_short(event.get('message'))})"
            yield Cause(name(application), wave(application), 4, what, "correct its manifest", 60)


def _of_application(application: Object) -> Iterator[Cause]:
    app, status = name(application), objects.status(application)
    whose = app, wave(application)
    help_ = f"correct it, commit, and run this again; 'kubectl -n cicd describe application {app}' says more"
    for condition in objects.conditions(application):
        kind, message = str(condition.get("type", "")), _short(condition.get("message"))
        if kind in _REFUSALS:
            rank, what, patience = _REFUSALS[kind]
            yield Cause(*whose, rank, f"Argo CD {what.format(app)} ({message})", help_, patience)
    operation = status.get("operationState") or {}
    for resource in (operation.get("syncResult") or {}).get("resources") or []:
        if resource.get("status") == "SyncFailed" or resource.get("hookPhase") in ("Failed", "Error"):
            where = f"{resource.get('kind')} {resource.get('namespace') or '-'}/{resource.get('name')}"
            what = f"{where} of {app} cannot be applied ({_short(resource.get('message'))})"
            yield Cause(*whose, 9, what, help_, 75)


def sentence(cause: Cause, log: str = "") -> str:
    """A cause as one sentence, with the telling line of its container's log where there is one."""
    said = f'; its log says "{log}"' if log else ""
    # What is deployed before Argo CD is in no wave.
    where = f"{cause.application} (wave {cause.wave})" if cause.wave >= 0 else cause.application
    return f"{where}: {cause.what}{said}: {cause.help}."


def _short(message: object) -> str:
    text = one_line(message)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
