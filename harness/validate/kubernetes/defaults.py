"""Classes of which one is taken where none is named: there is at most one of each kind."""

from collections.abc import Iterator
from typing import Final

from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH719: Final = ValidationRule(
    "LH719",
    "At most one class of a kind is the default",
    "The API server refuses the second one or what names none, or any of them is taken.",
)

_PRIORITY: Final = "PriorityClass"
_ANNOTATIONS: Final = {
    "StorageClass": (
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ),
    "IngressClass": ("ingressclass.kubernetes.io/is-default-class",),
    "VolumeSnapshotClass": ("snapshot.storage.kubernetes.io/is-default-class",),
}


def check(environment: Environment) -> Iterator[Violation]:
    """Finds each further default."""
    for kind in (_PRIORITY, *_ANNOTATIONS):
        defaults = [(one, path) for one in environment.of_kind(kind) for path in _default(one)]
        for other, path in defaults[1:]:
            message = f"{other} is the default, as {defaults[0][0]} is: leave one of them."
            yield Violation(LH719, message, other, path)


def _default(resource: BuiltResource) -> Iterator[tuple[str, ...]]:
    """The field that makes a class the default."""
    if resource.kind == _PRIORITY:
        yield from [("globalDefault",)] if resource.value.get("globalDefault") is True else []
    else:
        names = (name for name in _ANNOTATIONS[resource.kind] if resource.annotations.get(name) == "true")
        yield from [("metadata", "annotations", name) for name in names][:1]
