"""The input of a rule: a changed resource and the pods in it."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from harness.manifests.pods import TEMPLATES, PodTemplate, embedded, pods_of
from harness.manifests.resource import Identity
from harness.manifests.values import mappings
from harness.review.fieldpath import FieldPath, Inside, Key, Step, path_text
from harness.review.fields import CHECKSUM, GENERATED_NAME, Fields
from harness.review.model import FieldChange
from harness.review.neighbours import Neighbours
from harness.review.pair import ReviewedResource
from harness.review.risks.rule import RiskRule

Judgement = tuple[RiskRule, str, str]
"""(rule, sentence without its full stop, path)"""
NONE: Final = Neighbours()
Check = Callable[["Change"], Iterator[Judgement]]


@dataclass(frozen=True)
class Change:
    """A resource that may have changed.

    Attributes:
        contested: Whether Applications have deployed it before and do so after its move.
        stays: Why what is removed stays in the cluster, as the end of a sentence; empty if it is deleted.
        neighbours: What else is in the environment at head.
    """

    before: ReviewedResource | None
    after: ReviewedResource | None
    fields: Fields = field(default_factory=Fields)
    moved_from: str = ""
    contested: bool = True
    stays: str = ""
    neighbours: Neighbours = NONE

    @property
    def resource(self) -> ReviewedResource:
        resource = self.after or self.before
        assert resource is not None  # noqa: S101 - one side always exists
        return resource

    @property
    def kind(self) -> str:
        return self.resource.kind

    @property
    def name(self) -> str:
        return str(self.resource.identity)

    @property
    def replaced(self) -> bool:
        """Whether a new kind, namespace or name deletes the old resource and creates another."""
        if self.before is None or self.after is None:
            return False
        return place(self.before.identity) != place(self.after.identity)

    @property
    def gone(self) -> ReviewedResource | None:
        return self.before if self.after is None or self.replaced else None

    @property
    def come(self) -> ReviewedResource | None:
        return self.after if self.before is None or self.replaced else None

    @property
    def old(self) -> dict[str, Any]:
        return self.before.value if self.before else {}

    @property
    def new(self) -> dict[str, Any]:
        return self.after.value if self.after else {}

    def below(self, *prefix: str) -> Iterator[tuple[FieldChange, FieldPath]]:
        """The changes at or below a path."""
        for change, path in zip(self.fields.changes, self.fields.paths, strict=True):
            if path[: len(prefix)] == prefix:
                yield change, path

    def touches(self, *prefix: str) -> str | None:
        """The first changed path at or below a path, or None."""
        return next((change.path for change, _ in self.below(*prefix)), None)

    def differs(self, *path: str) -> bool:
        return self.before is not None and self.after is not None and self.touches(*path) is not None

    @property
    def template(self) -> tuple[str, ...] | None:
        return TEMPLATES.get(self.kind)

    @cached_property
    def pods(self) -> list["Specification"]:
        """The pods that the resource makes at head, wherever their templates are in it."""
        before = {key: pod.spec for key, pod in _pods(self.before)}
        return [
            Specification(_pod_name(pod, self.name), before.get(key, {}), pod.spec, _pod_path(pod), pod.role)
            for key, pod in _pods(self.after)
        ]

    def restarts(self) -> str | None:
        """The changed path that restarts the pods, or None."""
        template = self.template
        if template is None or self.replaced or self.before is None or self.after is None:
            return None
        if (path := self.touches(*template)) is not None:
            return path
        for reason, folded in self.fields.folded_paths:
            if reason in (GENERATED_NAME, CHECKSUM) and folded[: len(template)] == template:
                return ".".join(template)
        return None


def place(identity: Identity) -> tuple[str, str, str, str]:
    """How the API server identifies a resource: group, kind, namespace and name."""
    group = identity.api_version.rpartition("/")[0]
    group = "" if group == "extensions" else group
    return (_GROUPS.get(identity.kind, group), identity.kind, identity.namespace, identity.name)


_GROUPS: Final = {"Ingress": "networking.k8s.io", "Deployment": "apps", "DaemonSet": "apps", "ReplicaSet": "apps"}
"""Kinds that Kubernetes served in another group before: both names mean the same object."""


@dataclass(frozen=True)
class Specification:
    """What a changed resource says of a pod or of a container.

    Attributes:
        name: Names it in a sentence.
        before: Empty when it is new.
        at: Where it is in the resource.
        role: `driver` or `executor` for a pod of a SparkApplication.
    """

    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    at: FieldPath
    role: str = ""

    def path(self, *steps: Step) -> str:
        return path_text((*self.at, *steps))

    def lost_containers(self) -> list[tuple[str, dict[str, Any]]]:
        """The containers that are gone, as (list, container); one with another name and the same image is not."""
        old, new = (
            [(kind, str(item.get("name")), item) for kind, item in _containers(spec)]
            for spec in (self.before, self.after)
        )
        names, known = {name for _, name, _ in new}, {name for _, name, _ in old}
        images = {str(item.get("image")) for _, name, item in new if name not in known}
        return [
            (kind, item) for kind, name, item in old if name not in names and str(item.get("image")) not in images
        ]

    def containers(self) -> Iterator["Specification"]:
        before = {(kind, str(container.get("name"))): container for kind, container in _containers(self.before)}
        for kind, container in _containers(self.after):
            name = str(container.get("name"))
            # A section of a SparkApplication is its container, too.
            at = self.at if self.role else (*self.at, kind, Key(f"name={name}"))
            yield Specification(f"Container {name} of {self.name}", before.get((kind, name), {}), container, at)


def _containers(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("initContainers", "containers"):
        for container in mappings(spec.get(kind)):
            yield kind, container


def _pods(resource: ReviewedResource | None) -> Iterator[tuple[Hashable, PodTemplate[ReviewedResource]]]:
    for owner in (resource, *embedded(resource)) if resource else ():
        for pod in pods_of(owner):
            yield (owner.inside, pod.role), pod


def _pod_name(pod: PodTemplate[ReviewedResource], name: str) -> str:
    own = " ".join(filter(None, (pod.owner.kind, pod.owner.name)))
    name = f"{own} in {name}" if pod.owner.parent else name
    return f"{name} ({pod.role})" if pod.role else name


def _pod_path(pod: PodTemplate[ReviewedResource]) -> FieldPath:
    if not pod.owner.parent:
        return pod.spec_path
    *field, index = pod.owner.inside
    return (*field, Inside(int(index)), *pod.spec_path[len(pod.owner.inside) :])
