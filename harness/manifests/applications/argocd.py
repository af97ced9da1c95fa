"""Argo CD's Applications."""

import posixpath
from typing import Any, Final

from harness.manifests import edits
from harness.manifests.applications.deployer import ApplicationSource, Deployer, name_of
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "argoproj.io"
WAVE: Final = "argocd.argoproj.io/sync-wave"


def application(resource: dict[str, Any]) -> Deployer:
    spec = mapping(resource.get("spec"))
    sources = [_source(source) for _, source in sources_of(spec) if not ("ref" in source and "path" not in source)]
    problem = "" if sources else "has no Application source that the review can follow"
    if spec.get("sourceHydrator"):
        problem = "has a sourceHydrator"
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


def _source(source: dict[str, Any]) -> ApplicationSource:
    path = posixpath.normpath(str(source.get("path") or "."))
    url = str(source.get("repoURL") or "")
    if source.get("chart"):
        return ApplicationSource(path, url, not_built=f"the Helm chart {source['chart']} is not built")
    if source.get("plugin") is not None:
        return ApplicationSource(path, url, not_built="a config management plugin is not run")
    kustomize = mapping(source.get("kustomize"))
    if strange := edits.unknown(kustomize):
        return ApplicationSource(path, url, not_built=f"its kustomize option {strange[0]} is not followed")
    return ApplicationSource(path, url, kustomize, mapping(source.get("directory")))


def wave(resource: dict[str, Any]) -> int | None:
    """The sync wave of a resource; None without one that is a number."""
    value = dig(resource, "metadata", "annotations", WAVE)
    try:
        return None if value is None else int(str(value))
    except ValueError:
        return None
