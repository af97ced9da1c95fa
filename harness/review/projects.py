"""What a changed AppProject permits no longer: Argo CD refuses to sync an Application of it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from harness.manifests.applications.application import Application
from harness.manifests.applications.argocd import GROUP, sources_of
from harness.manifests.applications.projects import permits_destination, permits_kind, permits_source
from harness.manifests.resource import Resource
from harness.manifests.values import mapping
from harness.review.model import Risk
from harness.review.risks.access import DF616
from harness.review.risks.context import Change
from harness.review.risks.judge import risk


def project_risks(change: Change, applications: Iterable[Application]) -> Iterator[Risk]:
    """What Applications deploy that a changed project permitted before, and permits no longer."""
    if change.kind != "AppProject" or change.resource.group != GROUP or change.before is None:
        return
    before, after = (mapping(value.get("spec")) for value in (change.old, change.new))
    for application in applications:
        if str(application.definition.get("project") or "default") != change.before.name:
            continue
        resources = application.resources()
        if change.gone is not None:
            yield risk(DF616, f"{change.gone.identity} is removed, but Application {application.name} is of it")
        elif lost := next(_lost(before, after, application, resources), ""):
            yield risk(DF616, f"{change.name} no longer permits Application {application.name}: {lost}")


def _lost(
    before: dict[str, Any], after: dict[str, Any], application: Application, resources: Iterable[Resource]
) -> Iterator[str]:
    spec = application.definition

    def is_lost(permits: Callable[..., bool], *what: Any) -> bool:
        return permits(before, *what) and not permits(after, *what)

    for _, source in sources_of(spec):
        if is_lost(permits_source, url := str(source.get("repoURL") or "")):
            yield f"its source {url}"
    destination = mapping(spec.get("destination"))
    namespaces = dict.fromkeys([application.namespace, *(item.namespace for item in resources if item.namespace)])
    for namespace in namespaces:
        if is_lost(permits_destination, destination, namespace):
            yield f"its destination {namespace or 'without a namespace'}"
    for item in resources:
        if is_lost(permits_kind, item):
            yield f"its {item}"
