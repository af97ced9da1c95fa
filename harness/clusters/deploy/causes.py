"""Why an Application does not become healthy. Pure: it judges what kubectl told.

A state is only taken for final when it lasts: an image that is pulled at the second try, a process that starts
before its database answers, a comparison while the git server restarts are no failures.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.clusters.deploy.waves import wave

Object = dict[str, Any]

_NO_IMAGE: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_NO_CONTAINER: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_RESTARTS: Final = 3
"""Restarts after which a container that crashes is believed to go on like that."""
_LONGEST: Final = 300


@dataclass(frozen=True)
class Cause:
    """One reason.

    Attributes:
        application: Whose.
        wave: The Application's wave.
        rank: The lower, the nearer to the origin: an image before the process, a process before the sync.
        what: A sentence's beginning, without the full stop.
        help: Its end: what to do.
        patience: Seconds that it must last to be final.
        container: (namespace, pod, container) whose log says more, if one does.
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
        """What it is known by while its wording changes: Application, rank, and what it is about."""
        return self.application, self.rank, self.what.partition(" (")[0]


@dataclass(frozen=True)
class State:
    """A cluster at one moment, as far as the deployment is concerned.

    Attributes:
        applications: Argo CD's.
        pods: Of all namespaces.
        jobs: Of all namespaces.
        events: The warnings.
        stateful_sets: Of all namespaces.
    """

    applications: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)
    stateful_sets: list[Object] = field(default_factory=list)


def is_ready(application: Object) -> bool:
    """Whether an Application is what git says, healthy, and has no sync under way."""
    status = application.get("status") or {}
    return (
        (status.get("sync") or {}).get("status") == "Synced"
        and (status.get("health") or {}).get("status") == "Healthy"
        and (status.get("operationState") or {}).get("phase") != "Running"
    )


def find(state: State) -> list[Cause]:
    """What keeps Applications from becoming healthy, the likeliest origin first."""
    waiting = [application for application in state.applications if not is_ready(application)]
    found: list[Cause] = []
    by_namespace: dict[str, Object] = {}
    for application in sorted(waiting, key=wave):
        found += _of_application(application)
        namespace = str(application.get("spec", {}).get("destination", {}).get("namespace", ""))
        if application.get("metadata", {}).get("name") not in ("platform", "misc"):
            by_namespace.setdefault(namespace, application)
    for namespace, application in by_namespace.items():
        found += _of_pods(application, (pod for pod in state.pods if _namespace(pod) == namespace))
        found += _of_jobs(application, (job for job in state.jobs if _namespace(job) == namespace))
        found += _of_events(application, (event for event in state.events if _namespace(event) == namespace))
    return sorted(found, key=lambda cause: (cause.wave, cause.rank))


class Patience:
    """Remembers since when each cause has been there, over a series of observations."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int, str], float] = {}

    def final(self, causes: Iterable[Cause], now: float) -> Cause | None:
        """The first cause that has lasted long enough to be final, if one has.

        Args:
            causes: What `find` says now.
            now: Seconds on a clock that only goes forward.
        """
        present = {cause.key: cause for cause in causes}
        self._since = {key: self._since.get(key, now) for key in present}
        return next((cause for key, cause in present.items() if now - self._since[key] >= cause.patience), None)


def _of_pods(application: Object, pods: Iterable[Object]) -> Iterator[Cause]:
    name, number = _name(application), wave(application)
    for pod in pods:
        where = f"pod {_namespace(pod)}/{_name(pod)}"
        if pod.get("metadata", {}).get("deletionTimestamp"):
            continue
        status = pod.get("status") or {}
        for condition in status.get("conditions") or []:
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
                what = f"{where} finds no place ({_short(condition.get('message'))})"
                help_ = "give the node more CPU or memory, or look at its volume claim"
                yield Cause(name, number, 5, what, help_, 120)
        containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        for container in containers:
            waiting = (container.get("state") or {}).get("waiting") or {}
            reason, message = str(waiting.get("reason", "")), _short(waiting.get("message"))
            place = (_namespace(pod), _name(pod), str(container.get("name")))
            if reason in _NO_IMAGE:
                what = f"{where} cannot get the image {container.get('image')} ({message or reason})"
                yield Cause(name, number, 0, what, "load it with 'harness images load', or correct its name", 20)
            elif reason in _NO_CONTAINER:
                what = f"{where} cannot start its container {place[2]} ({message or reason})"
                yield Cause(name, number, 1, what, "'harness secrets list' says whether a Secret is missing", 45)
            elif reason == "CrashLoopBackOff" and int(container.get("restartCount", 0)) >= _RESTARTS:
                ended = (container.get("lastState") or {}).get("terminated") or {}
                why = f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode', '?')}"
                what = f"container {place[2]} of {where} ends again and again ({why})"
                log = f"kubectl logs --previous -n {place[0]} {place[1]} -c {place[2]}"
                yield Cause(name, number, 2, what, f"see '{log}'", 20, place)


def crashed(pods: Iterable[Object]) -> list[tuple[str, str]]:
    """The pods (namespace, name) with a container that waits, after a crash, to be started again."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        reasons = {((item.get("state") or {}).get("waiting") or {}).get("reason") for item in containers}
        if "CrashLoopBackOff" in reasons:
            found.append((_namespace(pod), _name(pod)))
    return found


def left_behind(state: State) -> list[tuple[str, str]]:
    """The pods (namespace, name) of StatefulSets that are not ready, and not of the newest template either.

    A StatefulSet waits for such a pod to become ready before it replaces it, even where only the new template can
    make it so (Kubernetes' documentation calls it "forced rollback"): somebody has to delete it.
    """
    newest = {
        (_namespace(item), _name(item)): (item.get("status") or {}).get("updateRevision")
        for item in state.stateful_sets
    }
    found = []
    for pod in state.pods:
        meta = pod.get("metadata", {})
        makers = [owner for owner in meta.get("ownerReferences") or [] if owner.get("kind") == "StatefulSet"]
        wanted = newest.get((_namespace(pod), str(makers[0].get("name")))) if makers else None
        conditions = (pod.get("status") or {}).get("conditions") or []
        ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
        own = (meta.get("labels") or {}).get("controller-revision-hash")
        if wanted and own != wanted and not ready and not meta.get("deletionTimestamp"):
            found.append((_namespace(pod), _name(pod)))
    return found


def _of_jobs(application: Object, jobs: Iterable[Object]) -> Iterator[Cause]:
    name, number = _name(application), wave(application)
    for job in jobs:
        for condition in (job.get("status") or {}).get("conditions") or []:
            if condition.get("type") == "Failed" and condition.get("status") == "True":
                what = f"Job {_namespace(job)}/{_name(job)} failed ({_short(condition.get('message'))})"
                log = f"kubectl logs -n {_namespace(job)} job/{_name(job)} --all-containers"
                yield Cause(name, number, 3, what, f"see '{log}'", 30, (_namespace(job), f"job/{_name(job)}", ""))


def _of_events(application: Object, events: Iterable[Object]) -> Iterator[Cause]:
    name, number = _name(application), wave(application)
    for event in events:
        if event.get("reason") == "FailedCreate":
            about = event.get("involvedObject") or {}
            what = f"{about.get('kind')} {about.get('namespace')}/{about.get('name')} may not make its pods"
            yield Cause(name, number, 4, f"{what} ({_short(event.get('message'))})", "correct its manifest", 60)


def _of_application(application: Object) -> Iterator[Cause]:
    name, number = _name(application), wave(application)
    status = application.get("status") or {}
    help_ = f"correct it, commit, and run this again; 'kubectl -n cicd describe application {name}' says more"
    for condition in status.get("conditions") or []:
        kind, message = str(condition.get("type", "")), _short(condition.get("message"))
        if kind == "InvalidSpecError":
            yield Cause(name, number, 6, f"Argo CD does not accept the Application {name} ({message})", help_, 20)
        elif kind == "ComparisonError":
            yield Cause(name, number, 7, f"Argo CD cannot build {name} from git ({message})", help_, 30)
        elif kind == "SyncError":
            yield Cause(name, number, 8, f"Argo CD gave up on {name} ({message})", help_, 20)
    operation = status.get("operationState") or {}
    for resource in (operation.get("syncResult") or {}).get("resources") or []:
        if resource.get("status") == "SyncFailed" or resource.get("hookPhase") in ("Failed", "Error"):
            where = f"{resource.get('kind')} {resource.get('namespace') or '-'}/{resource.get('name')}"
            what = f"{where} of {name} cannot be applied ({_short(resource.get('message'))})"
            yield Cause(name, number, 9, what, help_, 75)


def log_line(cause: Cause, logs: Mapping[tuple[str, str, str], str]) -> str:
    """A cause as one sentence, with the telling line of its log where there is one."""
    line = logs.get(cause.container, "") if cause.container else ""
    said = f'; its log says "{line}"' if line else ""
    # What comes before Argo CD is in no wave.
    where = f"{cause.application} (wave {cause.wave})" if cause.wave >= 0 else cause.application
    return f"{where}: {cause.what}{said}: {cause.help}."


def _name(item: Object) -> str:
    return str(item.get("metadata", {}).get("name", ""))


def _namespace(item: Object) -> str:
    return str(item.get("metadata", {}).get("namespace", ""))


def _short(message: object) -> str:
    """A message without line breaks and repetitions of its cause."""
    text = " ".join(str(message or "").split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
