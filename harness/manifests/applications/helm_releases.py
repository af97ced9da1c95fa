"""Flux's HelmReleases."""

import json
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from harness.manifests.applications.deployer import ApplicationSource, Deployer, Reference, name_of
from harness.manifests.helm.flux import FluxChart, values_from
from harness.manifests.helm.release import Layer
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "helm.toolkit.fluxcd.io"


def helm_release(resource: dict[str, Any]) -> Deployer:
    """A HelmRelease, whose values `resolved` completes."""
    spec = mapping(resource.get("spec"))
    home, target = str(dig(resource, "metadata", "namespace") or ""), str(spec.get("targetNamespace") or "")
    chart = mapping(dig(spec, "chart", "spec"))
    kind = dig(chart, "sourceRef", "kind")
    reference = mapping(spec.get("chartRef") or chart.get("sourceRef"))
    path = posixpath.normpath(str(chart.get("chart") or ".").lstrip("/"))
    named = "" if kind == "GitRepository" else str(chart.get("chart") or reference.get("name") or "without a name")
    name = str(spec.get("releaseName") or "-".join(filter(None, (target, name_of(resource)))))
    described = FluxChart(name, target or home or "default", path, named, spec)
    values = mappings(spec.get("valuesFrom"))
    return Deployer(
        name=name_of(resource),
        wave=None,
        namespace=target or home,
        sources=(ApplicationSource(named or path, helm=described),),
        definition=canonical(spec),
        home=home,
        needs=(_reference(reference, home), *(_reference(item, home) for item in values)),
    )


def _reference(value: dict[str, Any], home: str) -> Reference:
    namespace, name = str(value.get("namespace") or home), str(value.get("name") or "")
    return Reference(str(value.get("kind") or ""), namespace, name, bool(value.get("optional")))


def resolved(deployer: Deployer, find: Callable[[Reference], dict[str, Any] | None]) -> Deployer:
    """A HelmRelease with the URL of its repository, and the values that it takes from other resources."""
    items = mappings(mapping(json.loads(deployer.definition)).get("valuesFrom"))
    repository, *origins = deployer.needs
    layers: list[Layer] = []
    remarks: list[str] = []
    missing: list[Reference] = []
    for item, origin in zip(items, origins, strict=True):
        if origin.kind == "Secret":
            remarks.append(f"{deployer.name} is rendered without the values from the {origin}, which are secret")
        elif layer := values_from(item, find(origin) or {}):
            layers.append(layer)
        elif not origin.is_optional:
            missing.append(origin)
    (source,) = deployer.sources
    url = "" if source.helm is None or source.helm.chart else str(dig(find(repository), "spec", "url") or "")
    helm = replace(source.helm, layers=tuple(layers)) if isinstance(source.helm, FluxChart) else None
    problem = f"takes values from the {missing[0]}, which is not in this environment" if missing else ""
    return replace(
        deployer, sources=(replace(source, repository=url, helm=helm),), problem=problem, remarks=tuple(remarks)
    )
