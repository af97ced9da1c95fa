"""Pairs each resource at base with its successor at head; an unpaired one was added or removed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from harness.manifests.generated_names import Names
from harness.manifests.resource import CLUSTER_SCOPED, Identity, Resource
from harness.manifests.values import dig, mappings
from harness.review.fields import leaves
from harness.review.lists import BUILT_IN

_FAMILIES: Final[dict[str, str]] = {
    "Deployment": "workload",
    "StatefulSet": "workload",
    "DaemonSet": "workload",
    "ReplicaSet": "workload",
    "Pod": "workload",
    "Job": "job",
    "CronJob": "job",
    "Role": "role",
    "ClusterRole": "role",
    "RoleBinding": "binding",
    "ClusterRoleBinding": "binding",
    "Secret": "secret",
    "ExternalSecret": "secret",
    "SealedSecret": "secret",
    "Ingress": "route",
    "HTTPRoute": "route",
}
"""Kinds that take each other's place under the same name."""
_ALIKE: Final = 0.6
"""The share of equal leaves from which on a resource with another name is taken to be the same one."""
_MOST_COMPARED: Final = 40_000


@dataclass(frozen=True, eq=False, kw_only=True)
class ReviewedResource(Resource):
    """A resource of one side.

    Attributes:
        identity: What names it, generated names without their hash.
    """

    identity: Identity
    application: str

    @cached_property
    def leaves(self) -> frozenset[tuple[Any, str]]:
        """The fields and values, without name and namespace."""
        value = {key: item for key, item in self.value.items() if key not in ("apiVersion", "kind", "metadata")}
        value["labels"] = dig(self.value, "metadata", "labels")
        return frozenset(leaves(value))


@dataclass(frozen=True, eq=False)
class Pair:
    """A resource at base and its successor at head; one is None if it was added or removed."""

    before: ReviewedResource | None
    after: ReviewedResource | None

    @property
    def resource(self) -> ReviewedResource:
        resource = self.after or self.before
        assert resource is not None  # noqa: S101 - one side always exists
        return resource


def parse(built: Iterable[Resource], application: str, namespace: str, names: Names) -> list[ReviewedResource]:
    """The resources of an Application, those in lists included."""
    resources: list[ReviewedResource] = []
    for item in built:
        inner = mappings(item.value.get("items")) if item.kind.endswith("List") else []
        for value in inner or [item.value]:
            identity = _identity(value, item.origin, namespace, names)
            resources.append(
                ReviewedResource.of(value, origin=item.origin, identity=identity, application=application)
            )
    return resources


def _identity(value: dict[str, Any], origin: str, namespace: str, names: Names) -> Identity:
    api, kind = str(value.get("apiVersion") or ""), str(value.get("kind") or "Document")
    own = dig(value, "metadata", "namespace")
    if own is None and api.rpartition("/")[0] in BUILT_IN and kind not in CLUSTER_SCOPED:
        own = namespace
    name = dig(value, "metadata", "name") or dig(value, "metadata", "generateName") or origin
    bare = names.bare.get(str(name), str(name)) if kind in ("ConfigMap", "Secret") else str(name)
    return Identity(api, kind, str(own or ""), bare)


_Key = Callable[[ReviewedResource], Hashable]
_SAME: Final[tuple[_Key, ...]] = (
    lambda resource: resource.identity,
    lambda resource: (resource.group, resource.kind, resource.identity.namespace, resource.identity.name),
    lambda resource: (resource.kind, resource.identity.namespace, resource.identity.name),
)
_MOVED: Final[tuple[_Key, ...]] = (
    lambda resource: (
        _FAMILIES.get(resource.kind, resource.kind),
        resource.identity.namespace,
        resource.identity.name,
    ),
    lambda resource: (resource.group, resource.kind, resource.identity.name),
)


def pair(before: list[ReviewedResource], after: list[ReviewedResource]) -> list[Pair]:
    """Pairs the resources of an Application by identity, by parts of it, and by similarity."""
    pairs, before, after = _by_keys(before, after, _SAME)
    alike, before, after = _by_likeness(before, after)
    moved, before, after = _by_keys(before, after, _MOVED)
    rest = [Pair(resource, None) for resource in before] + [Pair(None, resource) for resource in after]
    return pairs + alike + moved + rest


def pair_across(pairs: list[Pair]) -> list[Pair]:
    """Pairs what one Application lost with what another one gained."""
    lost = [item.before for item in pairs if item.after is None and item.before is not None]
    got = [item.after for item in pairs if item.before is None and item.after is not None]
    if not lost or not got:
        return pairs
    moved, lost, got = _by_keys(lost, got, _SAME)
    kept = [item for item in pairs if item.before is not None and item.after is not None]
    return kept + moved + [Pair(item, None) for item in lost] + [Pair(None, item) for item in got]


def _by_keys(
    before: list[ReviewedResource], after: list[ReviewedResource], keys: Iterable[_Key]
) -> tuple[list[Pair], list[ReviewedResource], list[ReviewedResource]]:
    pairs: list[Pair] = []
    for key in keys:
        waiting: dict[Hashable, list[ReviewedResource]] = defaultdict(list)
        for resource in after:
            waiting[key(resource)].append(resource)
        left = []
        for resource in before:
            candidates = waiting.get(key(resource))
            if candidates:
                pairs.append(Pair(resource, candidates.pop(0)))
            else:
                left.append(resource)
        before = left
        taken = {id(item.after) for item in pairs}
        after = [resource for resource in after if id(resource) not in taken]
    return pairs, before, after


def _by_likeness(
    before: list[ReviewedResource], after: list[ReviewedResource]
) -> tuple[list[Pair], list[ReviewedResource], list[ReviewedResource]]:
    """Pairs similar resources of the same kind and namespace, the most similar first."""
    candidates: list[tuple[float, int, int]] = []
    if len(before) * len(after) > _MOST_COMPARED:
        return [], before, after
    for left, old in enumerate(before):
        for right, new in enumerate(after):
            if (old.group, old.kind, old.identity.namespace) != (new.group, new.kind, new.identity.namespace):
                continue
            shared = len(old.leaves & new.leaves) / max(len(old.leaves | new.leaves), 1)
            if shared >= _ALIKE:
                candidates.append((-shared, left, right))
    pairs: list[Pair] = []
    gone: set[int] = set()
    come: set[int] = set()
    for _, left, right in sorted(candidates):
        if left not in gone and right not in come:
            gone.add(left)
            come.add(right)
            pairs.append(Pair(before[left], after[right]))
    return (
        pairs,
        [resource for index, resource in enumerate(before) if index not in gone],
        [resource for index, resource in enumerate(after) if index not in come],
    )
