"""What becomes of resources that are no longer in git, as Argo CD and Flux decide it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.values import dig, mapping, string_map, strings

SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
CASCADE: Final = "resources-finalizer.argocd.argoproj.io"
HELM_POLICY: Final = "helm.sh/resource-policy"
HOOK: Final = "argocd.argoproj.io/hook"
_FLUX: Final = "kustomize.toolkit.fluxcd.io/"
_FLUX_GUARDS: Final = {"prune": "disabled", "reconcile": "disabled", "ssa": "ignore"}
_FLUX_DELETES: Final = ("Delete", "WaitForTermination")


@dataclass(frozen=True)
class Policy:
    """How an Application treats resources that it no longer contains, and those that it leaves behind.

    Attributes:
        tool: `argocd`, `flux`, `helm` for a HelmRelease, or empty where nothing is known: then what is removed is
            deleted.
        prunes: Whether it deletes what its build no longer contains.
        cascades: Whether its own deletion deletes its resources.
        options: The sync options of all its resources.
        manifest: Its own definition, or that of the ApplicationSet that makes it.
    """

    tool: str = ""
    prunes: bool = True
    cascades: bool = True
    options: Mapping[str, str] = field(default_factory=dict, compare=False)
    manifest: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def stays(self, resource: dict[str, Any], name: str, *, whole: bool) -> str:
        """Why a resource stays in the cluster, as the end of a sentence; empty if it is deleted.

        `whole` says that the Application, whose name is given, is itself deleted.
        """
        if whole and self.tool:
            return self._left_behind(resource, name)
        annotations = string_map(dig(resource, "metadata", "annotations"))
        if self.tool == "helm":
            return _kept_by_helm(annotations)
        if guard := flux_guard(resource):
            return f"it has {guard}"
        option = sync_options(annotations).get("Prune") or self.options.get("Prune")
        if option == "false":
            return "it has Prune=false"
        if option == "confirm":
            return "it waits until somebody confirms its pruning"
        if HOOK in annotations and self.tool != "flux":
            return "hooks are not pruned"
        return "" if self.prunes else f"{name} does not prune"

    def _left_behind(self, resource: dict[str, Any], name: str) -> str:
        annotations = string_map(dig(resource, "metadata", "annotations"))
        if not self.cascades:
            why = "without a finalizer" if self.tool == "argocd" else "but leaves its resources behind"
            return f"{name} is removed {why}"
        if self.tool == "helm":
            return _kept_by_helm(annotations)
        if self.tool == "flux":
            guard = flux_guard(resource)
            return f"it has {guard}" if guard else ""
        option = sync_options(annotations).get("Delete") or self.options.get("Delete")
        if option == "false":
            return "it has Delete=false"
        if option == "confirm":
            return "it waits until somebody confirms its deletion"
        if kept := _kept_by_helm(annotations):
            return kept
        if resource.get("kind") == "CustomResourceDefinition":
            return "Argo CD does not delete definitions with their Application"
        return ""

    @property
    def generator(self) -> str:
        """The name of the ApplicationSet that makes it; empty without one."""
        is_generated = self.manifest.get("kind") == "ApplicationSet"
        return str(dig(self.manifest, "metadata", "name")) if is_generated else ""

    @property
    def generation(self) -> str:
        """What the ApplicationSet does with its Applications: `sync` for everything."""
        return str(dig(self.manifest, "spec", "syncPolicy", "applicationsSync") or "sync")


UNKNOWN: Final = Policy()
CREATES_ONLY: Final = "create-only"
NO_DELETION: Final = (CREATES_ONLY, "create-update")
NO_UPDATE: Final = (CREATES_ONLY, "create-delete")
"""Kinds of generation in which an ApplicationSet does not delete or update Applications."""


def policy_of(resource: dict[str, Any]) -> Policy:
    """The policy of an Application, of what an ApplicationSet makes, of a Flux Kustomization or HelmRelease."""
    kind, spec = resource.get("kind"), mapping(resource.get("spec"))
    if kind == "Application":
        return _argocd(spec, strings(dig(resource, "metadata", "finalizers")), resource)
    if kind == "ApplicationSet":
        return generated_policy(mapping(spec.get("template")), resource)
    if kind == "Kustomization":
        prunes, policy = bool(spec.get("prune")), spec.get("deletionPolicy")
        cascades = not spec.get("suspend") and (policy in _FLUX_DELETES or (policy != "Orphan" and prunes))
        return Policy("flux", prunes, cascades, manifest=resource)
    return Policy("helm", cascades=not spec.get("suspend"), manifest=resource)


def generated_policy(application: dict[str, Any], application_set: dict[str, Any]) -> Policy:
    """The policy of an Application that an ApplicationSet makes."""
    finalizers = strings(dig(application, "metadata", "finalizers"))
    if not finalizers and not dig(application_set, "spec", "syncPolicy", "preserveResourcesOnDeletion"):
        finalizers = [CASCADE]
    return _argocd(mapping(application.get("spec")), finalizers, application_set)


def _argocd(spec: dict[str, Any], finalizers: list[str], manifest: dict[str, Any]) -> Policy:
    automated = dig(spec, "syncPolicy", "automated")
    # Without automated sync, somebody chooses on each sync whether to prune.
    prunes = not isinstance(automated, dict) or automated.get("enabled") is False or bool(automated.get("prune"))
    options = _options(strings(dig(spec, "syncPolicy", "syncOptions")))
    cascades = any(name.partition("/")[0] == CASCADE for name in finalizers)
    return Policy("argocd", prunes, cascades, options, manifest)


def _kept_by_helm(annotations: Mapping[str, str]) -> str:
    return f"it has {HELM_POLICY}: keep" if annotations.get(HELM_POLICY) == "keep" else ""


def sync_options(annotations: Mapping[str, str]) -> dict[str, str]:
    return _options(str(annotations.get(SYNC_OPTIONS) or "").split(","))


def _options(texts: list[str]) -> dict[str, str]:
    return {
        name.strip(): value.strip() for name, _, value in (text.partition("=") for text in texts) if name.strip()
    }


def flux_guard(resource: dict[str, Any]) -> str:
    """The annotation or label that keeps Flux from deleting a resource; empty without one."""
    for field_name in ("annotations", "labels"):
        values = string_map(dig(resource, "metadata", field_name))
        for name, value in _FLUX_GUARDS.items():
            if values.get(f"{_FLUX}{name}", "").lower() == value:
                return f"{_FLUX}{name}: {values[f'{_FLUX}{name}']}"
    return ""
