"""Argo CD's Applications."""

import posixpath
import re
from typing import Any, Final

from harness.manifests import edits
from harness.manifests.applications.deployer import ApplicationSource, Deployer, name_of
from harness.manifests.helm.application import helm_source
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "argoproj.io"
_VARIABLE: Final = re.compile(r"\$(?:(\$|\w+)|\{([^}]*)\})")
WAVE: Final = "argocd.argoproj.io/sync-wave"


def application(resource: dict[str, Any]) -> Deployer:
    spec = mapping(resource.get("spec"))
    every = [source for _, source in sources_of(spec)] or mappings([dig(spec, "sourceHydrator", "drySource")])
    sources = [
        _source(resource, source, every)
        for source in every
        if "path" in source or "chart" in source or "ref" not in source
    ]
    problem = "" if sources else "has no Application source that the review can follow"
    return Deployer(
        name=name_of(resource),
        wave=wave(resource),
        namespace=str(dig(spec, "destination", "namespace") or ""),
        sources=tuple(sources),
        definition=canonical(spec),
        cluster=str(dig(spec, "destination", "name") or dig(spec, "destination", "server") or ""),
        problem=problem,
    )


def sources_of(spec: Any) -> list[tuple[tuple[Step, ...], dict[str, Any]]]:
    if several := mappings(dig(spec, "sources")):
        return [(("spec", "sources", index), source) for index, source in enumerate(several)]
    return [(("spec", "source"), source) for source in mappings([dig(spec, "source")])]


def _source(resource: dict[str, Any], source: dict[str, Any], every: list[dict[str, Any]]) -> ApplicationSource:
    variables = _build_environment(resource, source)
    path = posixpath.normpath(str(source.get("path") or "."))
    url = str(source.get("repoURL") or "")
    if source.get("plugin") is not None:
        return ApplicationSource(path, url, not_built="a config management plugin is not run")
    if len(kinds := [name for name in ("kustomize", "helm", "directory") if _says_anything(source.get(name))]) > 1:
        return ApplicationSource(path, url, not_built=f"Argo CD takes only one of {' and '.join(kinds)}")
    kustomize = mapping(source.get("kustomize"))
    if strange := edits.unknown(kustomize):
        return ApplicationSource(path, url, not_built=f"its kustomize option {strange[0]} is not followed")
    kustomize = _with_build_environment(kustomize, variables)
    helm = helm_source(resource, source, every, variables)
    return ApplicationSource(path, url, kustomize, mapping(source.get("directory")), helm=helm)


def _says_anything(value: Any) -> bool:
    return any(map(_says_anything, value.values())) if isinstance(value, dict) else bool(value)


def _build_environment(resource: dict[str, Any], source: dict[str, Any]) -> dict[str, str]:
    """Argo CD's variables; the revision is another one for each commit, so a word stands for it."""
    values = {
        "NAME": dig(resource, "metadata", "name"),
        "NAMESPACE": dig(resource, "spec", "destination", "namespace"),
        "PROJECT_NAME": dig(resource, "spec", "project"),
        "REVISION": "revision",
        "REVISION_SHORT": "revision",
        "REVISION_SHORT_8": "revision",
        "SOURCE_REPO_URL": source.get("repoURL"),
        "SOURCE_PATH": source.get("path"),
        "SOURCE_TARGET_REVISION": source.get("targetRevision"),
    }
    return {f"ARGOCD_APP_{name}": str(value or "") for name, value in values.items()}


def _with_build_environment(kustomize: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    """The options in which Argo CD fills variables, filled; one that it does not know is empty."""

    def value_of(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else variables.get(match[1] or match[2], "")

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return _VARIABLE.sub(value_of, value) if isinstance(value, str) else value

    names = ["images", "commonLabels"]
    if kustomize.get("commonAnnotationsEnvsubst"):
        names.append("commonAnnotations")
    return kustomize | {name: filled(kustomize[name]) for name in names if kustomize.get(name)}


def wave(resource: dict[str, Any]) -> int | None:
    """The sync wave of a resource; None without one that is a number."""
    value = dig(resource, "metadata", "annotations", WAVE)
    try:
        return None if value is None else int(str(value))
    except ValueError:
        return None
