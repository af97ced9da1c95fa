"""What a rule looks at: one changed resource."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.pods import TEMPLATES
from harness.manifests.resource import Identity
from harness.manifests.values import dig, mappings
from harness.review.fieldpath import FieldPath, Inside, Key
from harness.review.fields import CHECKSUM, GENERATED_NAME, Fields
from harness.review.model import FieldChange
from harness.review.pair import ReviewedResource
from harness.review.risks.rule import RiskRule

Judgement = tuple[RiskRule, str, str]
"""(rule, sentence without its full stop, path)"""
Check = Callable[["Change"], Iterator[Judgement]]


@dataclass(frozen=True)
class Change:
    """One changed resource."""

    before: ReviewedResource | None
    after: ReviewedResource | None
    fields: Fields = field(default_factory=Fields)
    moved_from: str = ""

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
        """Whether the old one is deleted and a new one made: it has another kind, namespace or name."""
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
        """The changes at or below a path, not those in embedded documents."""
        for change, path in zip(self.fields.changes, self.fields.paths, strict=True):
            if path[: len(prefix)] == prefix and not any(isinstance(step, Inside) for step in path):
                yield change, path

    def touches(self, *prefix: str) -> str | None:
        """The first changed path at or below a path; None when nothing changes there."""
        return next((change.path for change, _ in self.below(*prefix)), None)

    def differs(self, *path: str) -> bool:
        return self.before is not None and self.after is not None and self.touches(*path) is not None

    @property
    def template(self) -> tuple[str, ...] | None:
        return TEMPLATES.get(self.kind)

    @property
    def pods(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return pod_spec(self.before), pod_spec(self.after)

    def restarts(self) -> str | None:
        """The path in the pod template that makes its pods restart; None when none does."""
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
    """What the API server knows a resource by: its group and kind, namespace and name."""
    group = identity.api_version.rpartition("/")[0]
    group = "" if group == "extensions" else group
    return (_GROUPS.get(identity.kind, group), identity.kind, identity.namespace, identity.name)


_GROUPS: Final = {"Ingress": "networking.k8s.io", "Deployment": "apps", "DaemonSet": "apps", "ReplicaSet": "apps"}
"""Kinds that Kubernetes served in another group before: both names mean the same object."""


def pod_spec(resource: ReviewedResource | None) -> dict[str, Any]:
    if resource is None or resource.kind not in TEMPLATES:
        return {}
    spec = dig(resource.value, *TEMPLATES[resource.kind], "spec")
    return spec if isinstance(spec, dict) else {}


def containers(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (name, str(container.get("name"))): container
        for name in ("initContainers", "containers", "ephemeralContainers")
        for container in mappings(spec.get(name))
    }


def container_path(template: tuple[str, ...], where: tuple[str, str]) -> FieldPath:
    return (*template, "spec", where[0], Key(f"name={where[1]}"))
