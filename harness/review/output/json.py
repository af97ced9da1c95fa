"""The review as JSON (schema/review-1.json)."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from harness.inert import visible_in_json
from harness.manifests.resource import Identity
from harness.review.model import (
    ApplicationReview,
    Difference,
    EnvironmentReview,
    FieldChange,
    ResourceChange,
    Review,
    Risk,
    Totals,
)

VERSION: Final = 1
"""Version of the schema. A field may come at any time; one that goes or changes its meaning makes a new version."""


def schema() -> dict[str, Any]:
    text = files("harness.review.output").joinpath(f"schema/review-{VERSION}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def as_json(review: Review) -> str:
    worst = review.worst
    content = {
        "version": VERSION,
        "repository": review.repository,
        "base": {"ref": review.base.ref, "commit": review.base.commit or None},
        "head": {"ref": review.head.ref, "commit": review.head.commit or None},
        "filesChanged": review.files_changed,
        "headline": review.headline,
        "totals": _totals(review.totals),
        "worst": str(worst) if worst is not None else None,
        "environments": [_environment(environment) for environment in review.environments],
        "problems": [
            {
                "side": problem.side,
                "environment": problem.environment,
                "application": problem.application,
                "sentence": problem.sentence,
                "file": problem.file or None,
                "line": problem.line,
            }
            for problem in review.problems
        ],
        "notes": [
            {
                "environment": note.environment,
                "application": note.application,
                "sentence": note.sentence,
                "changed": note.changed,
            }
            for note in review.notes
        ],
        "parity": [
            {
                "left": parity.left,
                "right": parity.right,
                "sentence": parity.sentence,
                "before": parity.before,
                "after": parity.after,
                "differences": [_difference(difference) for difference in parity.differences],
            }
            for parity in review.parity
        ],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    return visible_in_json(text)


def _environment(environment: EnvironmentReview) -> dict[str, Any]:
    return {
        "name": environment.name,
        "change": str(environment.change),
        "touched": environment.touched,
        "totals": _totals(environment.totals),
        "unchangedApplications": environment.unchanged,
        "images": [
            {
                "before": image.before or None,
                "after": image.after or None,
                "note": image.note,
                "resources": [_identity(resource) for resource in image.resources],
            }
            for image in environment.images
        ],
        "applications": [_application(application) for application in environment.applications],
    }


def _application(application: ApplicationReview) -> dict[str, Any]:
    return {
        "name": application.name,
        "path": application.path,
        "argocd": application.argocd,
        "change": str(application.change),
        "wave": {"before": application.wave_before, "after": application.wave_after},
        "totals": _totals(application.totals),
        "folded": _folded(application.folded),
        "unchangedResources": application.unchanged,
        "resources": [_resource(resource) for resource in application.resources],
    }


def _resource(resource: ResourceChange) -> dict[str, Any]:
    source = resource.source
    return {
        "change": str(resource.change),
        "title": resource.title,
        "before": _identity(resource.before) if resource.before else None,
        "after": _identity(resource.after) if resource.after else None,
        "movedFrom": resource.moved_from or None,
        "source": {"file": source.file, "line": source.line, "side": source.side} if source else None,
        "risks": [_risk(risk) for risk in resource.risks],
        "fields": [_field(field) for field in resource.fields],
        "folded": _folded(resource.folded),
        "beforeYaml": resource.before_yaml,
        "afterYaml": resource.after_yaml,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    content: dict[str, Any] = {"path": change.path, "kind": str(change.kind), "secret": change.secret}
    if not change.secret:
        content |= {"before": change.before, "after": change.after, "lines": list(change.lines)}
    return content


def _difference(difference: Difference) -> dict[str, Any]:
    content: dict[str, Any] = {
        "resource": _identity(difference.identity),
        "path": difference.path,
        "status": difference.status,
        "reason": difference.reason or None,
        "secret": difference.secret,
    }
    if not difference.secret:
        content |= {"left": difference.left, "right": difference.right}
    return content


def _risk(risk: Risk) -> dict[str, Any]:
    return {"rule": risk.rule, "level": str(risk.level), "sentence": risk.sentence, "path": risk.path or None}


def _identity(identity: Identity) -> dict[str, str]:
    return {
        "apiVersion": identity.api_version,
        "kind": identity.kind,
        "namespace": identity.namespace,
        "name": identity.name,
    }


def _totals(totals: Totals) -> dict[str, int]:
    return {
        "added": totals.added,
        "changed": totals.changed,
        "moved": totals.moved,
        "removed": totals.removed,
        "folded": totals.folded,
    }


def _folded(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(counts)
