"""Rules on running: restarts, images, replicas and resources, and immutable fields."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.applications.policies import HOOK, sync_options
from harness.manifests.images import floating, images_in, reference, version
from harness.manifests.quantity import quantity
from harness.manifests.scaling import scaled_by, target_of
from harness.manifests.values import canonical, dig, mapping, string_map
from harness.review.images import replaced
from harness.review.risks.context import Change, Judgement, Specification
from harness.review.risks.protection import protects
from harness.review.risks.rule import high, low, medium

DF301: Final = low("DF301", "Pods restart", "The pod template changes, so its pods are replaced.")
DF302: Final = high("DF302", "A workload's selector changes", "It is immutable: the workload must be recreated.")
DF303: Final = medium("DF303", "Service selects other pods", "Traffic goes to other pods or none.")
DF304: Final = medium("DF304", "Immutable field of a Job changes", "The sync fails until the old Job is deleted.")
DF305: Final = medium("DF305", "Probe removed", "A broken pod receives traffic or is never restarted.")
DF306: Final = medium("DF306", "Disruption budget removed or changed", "Draining a node may stop all pods at once.")
DF307: Final = low(
    "DF307", "Configuration changes without a restart", "Pods that read it at start-up keep the old values."
)
DF308: Final = medium("DF308", "Workload removed", "Its work is no longer done.")
DF309: Final = medium("DF309", "Rollout strategy changes", "Pods may be unavailable during a rollout.")
DF310: Final = medium(
    "DF310", "An immutable field changes", "The API server rejects it until the resource is recreated."
)
DF311: Final = medium(
    "DF311",
    "A resource is renamed or moves to another namespace",
    "The old one is deleted, and the new one starts empty.",
)
DF312: Final = medium("DF312", "CronJob's schedule changes", "It runs more often, less often or never.")
DF313: Final = medium("DF313", "Container removed", "What it did beside the others is no longer done.")
DF314: Final = high("DF314", "No container left", "The API server rejects a pod without containers.")
DF401: Final = low("DF401", "Image replaced", "Different code runs.")
DF402: Final = medium("DF402", "Image is downgraded", "It may not read data that the newer version wrote.")
DF403: Final = medium("DF403", "Image is less pinned", "The code that runs may change without a commit.")
DF404: Final = medium("DF404", "Image comes from another repository", "Its publisher may be another.")
DF501: Final = medium("DF501", "Fewer replicas", "Less capacity, and less remains when one fails.")
DF502: Final = high("DF502", "No replica left", "Nothing runs.")
DF503: Final = low("DF503", "More replicas", "They need capacity in the cluster and in the quota.")
DF504: Final = medium(
    "DF504", "Resources reduced or limit removed", "Pods may be killed or throttled, or starve others."
)
DF505: Final = low("DF505", "More resources", "Pods may stay pending or exceed the quota.")
DF507: Final = medium(
    "DF507", "A replica count competes with an autoscaler", "Each sync resets what the autoscaler has set."
)
DF506: Final = medium("DF506", "Quota or limit range changes", "Pods that fitted may be rejected.")

_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job", "Pod")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_JOB_UPDATABLE: Final = frozenset(
    {"parallelism", "suspend", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "completions"}
)
_FLOATS: Final = "whose tag can move to another image"
_REPLACE: Final = ("Replace", "Force")


def check(change: Change) -> Iterator[Judgement]:
    gone = change.gone
    if gone is not None and gone.kind in _WORKLOADS and gone.kind != "StatefulSet" and not protects(gone):
        yield DF308, f"{gone.identity} is deleted", ""
    if change.replaced:
        assert change.before is not None  # noqa: S101 - a replaced resource has both
        yield DF311, f"{change.before.identity} is deleted, and {change.name} replaces it", ""
    elif change.before is not None and change.after is not None:
        yield from _workload(change)
        yield from _fixed(change)
    yield from _budget(change)
    yield from _probes(change)
    yield from _lost_containers(change)
    yield from _images(change)
    yield from _replicas(change)
    yield from _autoscaled(change)
    yield from _resources(change)
    yield from _quota(change)


def _workload(change: Change) -> Iterator[Judgement]:
    if change.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        path = change.restarts()
        if path is not None:
            yield DF301, f"Pods of {change.name} restart", path
    if change.kind in ("Deployment", "DaemonSet", "ReplicaSet") and (path := change.touches("spec", "selector")):
        yield DF302, f"{change.name} changes its selector, which is immutable: it must be recreated", path
    if change.kind == "Service" and (path := change.touches("spec", "selector")):
        yield DF303, f"{change.name} selects other pods", path
    if change.kind == "Job" and not _remade(change):
        for item, where in change.below("spec"):
            if len(where) > 1 and where[1] not in _JOB_UPDATABLE:
                yield DF304, f"{change.name} changes {item.path}, which is immutable", item.path
                break
    for name in ("strategy", "updateStrategy"):
        if path := change.touches("spec", name):
            kind = dig(change.new, "spec", name, "type")
            down = ": all pods stop before new ones start" if kind in ("Recreate", "OnDelete") else ""
            yield DF309, f"{change.name} changes its rollout strategy{down}", path
    if change.kind == "CronJob":
        for name in ("schedule", "timeZone", "suspend", "concurrencyPolicy", "startingDeadlineSeconds"):
            before, after = (dig(value, "spec", name) for value in (change.old, change.new))
            stops_copies = name == "suspend" and after is True and protects(change.resource)
            if change.touches("spec", name) and not stops_copies:
                yield DF312, f"{change.name}: {name} {_shown(before)} → {_shown(after)}", f"spec.{name}"
    if change.kind == "ConfigMap" and change.touches("data") and not _named_by_hash(change):
        yield DF307, f"Pods that read {change.name} only at start-up keep the old values", "data"


def _named_by_hash(change: Change) -> bool:
    return change.after is not None and dig(change.new, "metadata", "name") != change.after.identity.name


def _remade(change: Change) -> bool:
    """Whether Argo CD deletes the Job before it applies it."""
    annotations = string_map(dig(change.new, "metadata", "annotations"))
    options = sync_options(annotations)
    return bool(annotations.get(HOOK)) or any(options.get(name) == "true" for name in _REPLACE)


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


_FIXED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "Service": (("spec", "clusterIP"), ("spec", "ipFamilies")),
    "StorageClass": (("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",)),
    "PersistentVolume": (("spec", "csi"), ("spec", "nfs"), ("spec", "hostPath"), ("spec", "local")),
    "PriorityClass": (("value",),),
    "Secret": (("type",),),
    "IngressClass": (("spec", "controller"),),
    "Pod": (("spec", "containers"), ("spec", "volumes"), ("spec", "serviceAccountName")),
}


def _fixed(change: Change) -> Iterator[Judgement]:
    for prefix in _FIXED.get(change.kind, ()):
        if path := change.touches(*prefix):
            yield DF310, f"{change.name} changes {path}, which is immutable", path
    if change.kind in ("ConfigMap", "Secret") and change.old.get("immutable") and change.touches():
        yield DF310, f"{change.name} is immutable but changes", change.touches() or ""


def _budget(change: Change) -> Iterator[Judgement]:
    if change.kind != "PodDisruptionBudget":
        return
    if change.gone is not None:
        yield DF306, f"{change.gone.identity} is deleted", ""
    elif change.before is not None and (path := change.touches("spec")):
        yield DF306, f"{change.name} changes how many pods, or which, may be unavailable", path


def _lost_containers(change: Change) -> Iterator[Judgement]:
    for pod in change.pods:
        for kind, container in pod.lost_containers():
            last = kind == "containers" and not pod.after.get(kind)
            word = "Init container" if kind == "initContainers" else "Container"
            said = f"{word} {container.get('name')} of {pod.name} is removed"
            yield (DF314 if last else DF313), f"{said}, the last one" if last else said, pod.path(kind)


def _probes(change: Change) -> Iterator[Judgement]:
    for container in _containers(change):
        for probe in _PROBES:
            if container.before.get(probe) and not container.after.get(probe):
                yield DF305, f"{container.name} no longer has a {probe}", container.path(probe)


def _containers(change: Change) -> Iterator[Specification]:
    for pod in change.pods:
        yield from pod.containers()


def _images(change: Change) -> Iterator[Judgement]:
    if change.after is None:
        return
    images = set() if change.before else set(images_in(change.new))
    for container in _containers(change):
        image = str(container.after.get("image") or "")
        if not container.before and image and floating(image):
            images.discard(image)
            yield DF403, f"{container.name} runs {image}, {_FLOATS}", container.path("image")
    for image in sorted(filter(floating, images)):
        yield DF403, f"{change.name} runs {image}, {_FLOATS}", ""
    if change.before is None:
        return
    identity = change.after.identity
    places = {
        (item.before or "", item.after or ""): item.path
        for item, path in zip(change.fields.changes, change.fields.paths, strict=True)
        if path and path[-1] == "image" and isinstance(item.before or "", str) and isinstance(item.after or "", str)
    }
    for before, after, _ in sorted(set(replaced(change.fields, identity))):
        if not before or not after:
            continue
        path = places.get((before, after), "")
        said = f"{change.name}: image {before} → {after}"
        (old_name, old_tag, old_digest), (new_name, new_tag, new_digest) = reference(before), reference(after)
        old, new = version(old_tag), version(new_tag)
        if old_name != new_name:
            yield DF404, f"{said}, another repository", path
        if old is not None and new is not None and new < old:
            yield DF402, f"{said}, an older version", path
        if (old_digest and not new_digest) or (floating(after) and not floating(before)):
            yield DF403, f"{said}, less pinned than before", path
        yield DF401, said, path


def _replicas(change: Change) -> Iterator[Judgement]:
    if change.before is None or change.after is None:
        return
    for path in (("spec", "replicas"), ("spec", "minReplicas"), ("spec", "maxReplicas")):
        before, after = dig(change.old, *path), dig(change.new, *path)
        if canonical(before) == canonical(after):
            continue
        old = before if isinstance(before, int) else 1
        new = after if isinstance(after, int) else 1
        where = ".".join(path)
        said = f"{change.name}: {path[-1]} {_shown(before)} → {_shown(after)}"
        if new == 0 and old > 0:
            yield DF502, f"{said}: nothing runs", where
        elif new < old:
            yield DF501, said, where
        elif new > old:
            yield DF503, said, where


def _autoscaled(change: Change) -> Iterator[Judgement]:
    if change.after is None:
        return
    workload = scaled_by(change.new)
    if workload and workload != scaled_by(change.old) and workload in change.neighbours.counted:
        said = f"{change.name} scales {workload[0]} {workload[2]}, whose manifest has a number of replicas"
        yield DF507, said, "spec.scaleTargetRef"
    counts = [dig(value, "spec", "replicas") for value in (change.old, change.new)]
    if counts[1] is not None and counts[0] != counts[1] and target_of(change.new) in change.neighbours.scaled:
        yield DF507, f"{change.name} has {counts[1]} replicas beside an autoscaler", "spec.replicas"


def _resources(change: Change) -> Iterator[Judgement]:
    for container in _containers(change):
        if not container.before:
            continue
        for bound in ("requests", "limits"):
            old, new = (mapping(dig(spec, "resources", bound)) for spec in (container.before, container.after))
            for name in sorted({*old, *new}):
                path = container.path("resources", bound, name)
                yield from _bound(container.name, f"{name} {bound}", old.get(name), new.get(name), path)


def _bound(who: str, what: str, before: Any, after: Any, path: str) -> Iterator[Judgement]:
    old, new = quantity(before), quantity(after)
    said = f"{who}: {what} {_shown(before)} → {_shown(after)}"
    if after is None and before is not None:
        yield DF504, said, path
    elif old is not None and new is not None and old != new:
        yield DF504 if new < old else DF505, said, path
    elif before is None and after is not None:
        yield DF505, said, path


def _quota(change: Change) -> Iterator[Judgement]:
    if change.kind not in ("ResourceQuota", "LimitRange"):
        return
    if change.before is None:
        yield DF506, f"{change.name} is new: pods that do not fit are rejected", ""
    elif change.after is None:
        yield DF506, f"{change.name} is removed: its namespace can use the whole cluster", ""
    else:
        for item, path in change.below("spec"):
            yield DF506, f"{change.name}: {path[-1]} {_shown(item.before)} → {_shown(item.after)}", item.path
