"""Which resources deploy folders."""

from dataclasses import replace
from typing import Any, Final

from harness.manifests.applications import argocd, flux, helm_releases
from harness.manifests.applications.application_sets import application_set
from harness.manifests.applications.deployer import Deployer
from harness.manifests.applications.generators import Repository
from harness.manifests.applications.policies import policy_of

SET: Final = "ApplicationSet"
"""The only kind that makes others of what else is in the repository."""
KINDS: Final = ("Application", SET, "Kustomization", "HelmRelease")


def deployers(resource: dict[str, Any], repository: Repository) -> list[Deployer]:
    """The Applications that a resource is or makes; none for any other resource."""
    return [
        deployer if deployer.policy.tool else replace(deployer, policy=policy_of(resource))
        for deployer in _deployers(resource, repository)
    ]


def _deployers(resource: dict[str, Any], repository: Repository) -> list[Deployer]:
    group, kind = str(resource.get("apiVersion") or "").partition("/")[0], resource.get("kind")
    if kind == "Application" and group == argocd.GROUP:
        return [argocd.application(resource)]
    if kind == SET and group == argocd.GROUP:
        return list(application_set(resource, repository))
    if kind == "Kustomization" and group == flux.GROUP:
        return [flux.kustomization(resource)]
    if kind == "HelmRelease" and group == helm_releases.GROUP:
        return [helm_releases.helm_release(resource)]
    return []
