"""Shows what a change would allow later builds, or have later reviews leave out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from harness.manifests.resource import Identity
from harness.manifests.settings import FILE, read
from harness.manifests.tree import Tree
from harness.review.fields import compare
from harness.review.model import (
    ApplicationReview,
    ChangeKind,
    EnvironmentReview,
    ResourceChange,
    SideName,
    SourceLocation,
)
from harness.review.redact import manifest
from harness.review.risks.delivery import DF609
from harness.review.risks.judge import risk

ENVIRONMENT: Final = "the review's permissions"


def review_permissions(before: Tree, after: Tree) -> list[EnvironmentReview]:
    """The change as that of an environment, the first to be shown; none where nothing changes."""
    old, new = _permissions(before), _permissions(after)
    if old == new:
        return []
    identity = Identity("", "Settings", "", FILE)
    fields = compare(old, new)
    resource = ResourceChange(
        ChangeKind.CHANGED,
        identity,
        identity,
        fields=tuple(fields.changes),
        risks=tuple(
            risk(DF609, f"{FILE} changes what a review may do or leaves out: {change.path}", change.path)
            for change in fields.changes
        ),
        before_yaml=manifest(old),
        after_yaml=manifest(new),
        source=SourceLocation(FILE, side=SideName.HEAD if after.is_file(FILE) else SideName.BASE),
    )
    application = ApplicationReview(FILE, FILE, ChangeKind.CHANGED, (resource,), argocd=False)
    return [EnvironmentReview(ENVIRONMENT, (application,))]


def _permissions(tree: Tree) -> dict[str, Any]:
    declared = read(tree)
    fields: dict[str, Sequence[Any]] = {
        "kustomize-options": declared.kustomize_options,
        "hosts": declared.hosts,
        "accept": declared.accept,
        "exclude": declared.exclude,
        "ignore": [asdict(item) for item in declared.ignore],
    }
    return {name: [*values] for name, values in fields.items() if values}
