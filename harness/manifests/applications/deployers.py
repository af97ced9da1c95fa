"""Which resources deploy folders."""

from typing import Any, Final

from harness.manifests.applications import argocd, flux
from harness.manifests.applications.application_sets import application_set
from harness.manifests.applications.deployer import Deployer
from harness.manifests.applications.generators import Repository

KINDS: Final = ("Application", "ApplicationSet", "Kustomization")


def deployers(resource: dict[str, Any], repository: Repository) -> list[Deployer]:
    """The Applications that a resource is or makes; none for any other resource."""
    group, kind = str(resource.get("apiVersion") or "").partition("/")[0], resource.get("kind")
    if kind == "Application" and group == argocd.GROUP:
        return [argocd.application(resource)]
    if kind == "ApplicationSet" and group == argocd.GROUP:
        return list(application_set(resource, repository))
    if kind == "Kustomization" and group == flux.GROUP:
        return [flux.kustomization(resource)]
    return []
