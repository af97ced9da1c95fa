"""Rules on data: what may be lost."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.quantity import quantity
from harness.manifests.values import canonical, dig, mapping, mappings, strings
from harness.review.fieldpath import Key
from harness.review.pair import ReviewedResource
from harness.review.risks.context import Change, Judgement, Specification
from harness.review.risks.kinds import BUCKETS, is_store, kept_by, makes_claims
from harness.review.risks.rule import high, low
from harness.review.risks.schemas import narrowings
from harness.review.risks.syncing import DF610

DF101: Final = high(
    "DF101", "Volume claim removed", "The claim is deleted, with reclaim policy Delete its data as well."
)
DF102: Final = high("DF102", "Volume claim or storage shrinks", "It is refused; a new volume starts empty.")
DF103: Final = high("DF103", "Immutable field of a volume claim changes", "It must be recreated, without its data.")
DF104: Final = high("DF104", "Immutable field of a StatefulSet changes", "It must be deleted and recreated.")
DF105: Final = high("DF105", "Namespace removed", "Everything in it is deleted, volume claims included.")
DF106: Final = high(
    "DF106",
    "CustomResourceDefinition removed or narrowed",
    "Resources of that kind are deleted or become inaccessible.",
)
DF107: Final = high(
    "DF107", "Stateful workload or store removed", "Its data is no longer served and may be deleted."
)
DF108: Final = high("DF108", "Bucket or database removed", "Its content may be deleted with it.")
DF109: Final = high("DF109", "Retention is shortened", "A later removal deletes data that was retained.")
DF110: Final = high("DF110", "A workload's volume is replaced", "It starts with other data or none.")
DF111: Final = low("DF111", "Volume claim or storage grows", "It cannot be shrunk again.")

_UPDATABLE: Final = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
"""The fields of a StatefulSet's spec that the API server lets change."""
_MOST_NARROWINGS: Final = 5


def check(change: Change) -> Iterator[Judgement]:
    gone = change.gone
    if gone is not None:
        yield from _gone(change, gone)
    if change.before is None or change.after is None or change.replaced:
        return
    if change.kind == "PersistentVolumeClaim":
        yield from _claim(change)
    elif change.kind == "StatefulSet":
        yield from _stateful_set(change)
    elif change.kind == "CustomResourceDefinition":
        yield from _definition(change)
    if change.kind == "StorageClass" and change.differs("parameters"):
        yield DF103, f"{change.name} changes its parameters, which are immutable", "parameters"
    for pod in change.pods:
        yield from _volumes(pod)


def _gone(change: Change, gone: ReviewedResource) -> Iterator[Judgement]:
    kind, name = gone.kind, str(gone.identity)
    if kind == "PersistentVolumeClaim":
        yield DF101, f"{name} is deleted, with its data unless its volume is retained", ""
    elif kind == "Namespace":
        yield DF105, f"{name} is deleted, with everything in it", ""
    elif kind == "CustomResourceDefinition":
        yield DF106, f"{name} is deleted, and every resource of that kind with it", ""
    elif not is_store(kind, gone.group) and not makes_claims(gone):
        return
    elif why := kept_by(change.old):
        yield DF610, f"{name} is deleted, but its data stays: {why}", ""
    elif kind in BUCKETS:
        yield DF108, f"{name} is deleted; its content may be deleted with it", ""
    elif kind != "StatefulSet":
        yield DF107, f"{name} is deleted; its data may be deleted with it", ""
    elif claims := mappings(dig(change.old, "spec", "volumeClaimTemplates")):
        names = ", ".join(str(dig(claim, "metadata", "name")) for claim in claims)
        yield DF107, f"{name} is deleted; its volume claims ({names}) are orphaned or deleted", ""
    else:
        yield DF107, f"{name} is deleted", ""


def _claim(change: Change) -> Iterator[Judgement]:
    path = ("spec", "resources", "requests", "storage")
    yield from _size(change.name, dig(change.old, *path), dig(change.new, *path), ".".join(path))
    for item, where in change.below("spec"):
        if where[:3] != ("spec", "resources", "requests"):
            yield DF103, f"{change.name} changes {item.path}, which is immutable once the claim is bound", item.path


def _size(name: str, before: Any, after: Any, path: str) -> Iterator[Judgement]:
    old, new = quantity(before), quantity(after)
    if old is None or new is None or old == new:
        return
    if new < old:
        yield DF102, f"{name} shrinks from {before} to {after}, which Kubernetes rejects", path
    else:
        yield DF111, f"{name} grows from {before} to {after}", path


def _stateful_set(change: Change) -> Iterator[Judgement]:
    for item, where in change.below("spec"):
        name = where[1] if len(where) > 1 else ""
        if name not in _UPDATABLE:
            yield (
                DF104,
                f"{change.name} changes {item.path}, which is immutable: it must be recreated",
                item.path,
            )
    before = {str(dig(claim, "metadata", "name")): claim for claim in _claims(change.old)}
    for claim in _claims(change.new):
        name = str(dig(claim, "metadata", "name"))
        where_ = f"spec.volumeClaimTemplates[name={name}].spec.resources.requests.storage"
        path = ("spec", "resources", "requests", "storage")
        yield from _size(
            f"Volume claim {name} of {change.name}", dig(before.get(name), *path), dig(claim, *path), where_
        )


def _claims(value: dict[str, Any]) -> list[dict[str, Any]]:
    return mappings(dig(value, "spec", "volumeClaimTemplates"))


def _definition(change: Change) -> Iterator[Judgement]:
    if change.differs("spec", "scope"):
        yield DF106, f"{change.name} changes its scope, which is immutable: it must be recreated", "spec.scope"
    before = {str(item.get("name")): item for item in mappings(dig(change.old, "spec", "versions"))}
    after = {str(item.get("name")): item for item in mappings(dig(change.new, "spec", "versions"))}
    for name, version in before.items():
        if name not in after:
            yield DF106, f"{change.name} no longer has version {name}", "spec.versions"
        elif version.get("served") and not after[name].get("served"):
            yield DF106, f"{change.name} no longer serves version {name}", f"spec.versions[name={name}].served"
        else:
            yield from _schema(change, name, version, after[name])
    for name in ("kind", "plural"):
        if change.differs("spec", "names", name):
            yield DF106, f"{change.name} has another {name}: it must be recreated", f"spec.names.{name}"


def _schema(change: Change, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Judgement]:
    """What a version no longer accepts; the first few of it."""
    found = list(narrowings(*(dig(version, "schema", "openAPIV3Schema") for version in (before, after))))
    for sentence, path in found[:_MOST_NARROWINGS]:
        where = f"spec.versions[name={name}].schema.openAPIV3Schema"
        yield DF106, f"{change.name}, version {name}: {sentence}", f"{where}.{path}" if path else where
    if len(found) > _MOST_NARROWINGS:
        said = f"{change.name}, version {name}, is narrower in {len(found) - _MOST_NARROWINGS} more places"
        yield DF106, said, f"spec.versions[name={name}].schema"
    for part in mapping(before.get("subresources")):
        if part not in mapping(after.get("subresources")):
            yield DF106, f"{change.name}, version {name}: the subresource {part} is removed", "spec.versions"


def _volumes(pod: Specification) -> Iterator[Judgement]:
    after = {str(volume.get("name")): volume for volume in mappings(pod.after.get("volumes"))}
    for volume in mappings(pod.before.get("volumes")):
        name = str(volume.get("name"))
        source = dig(volume, "persistentVolumeClaim", "claimName") or canonical(dig(volume, "hostPath", "path"))
        if "persistentVolumeClaim" not in volume and "hostPath" not in volume:
            continue
        path = pod.path("volumes", Key(f"name={name}"))
        if name not in after:
            if name not in strings([mount.get("name") for mount in _mounts(pod.after)]):
                yield DF110, f"{pod.name} no longer has volume {name} ({source})", path
        elif canonical(after[name]) != canonical(volume):
            yield DF110, f"{pod.name} no longer has {source} as volume {name}", path


def _mounts(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for container in mappings(spec.get("containers")) + mappings(spec.get("initContainers")):
        yield from mappings(container.get("volumeMounts"))
