"""Flux's HelmReleases."""

import json
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from harness.manifests.applications.deployer import ApplicationSource, Deployer, Reference, name_of
from harness.manifests.helm.flux import VALUES_KEY, FluxChart, values_from
from harness.manifests.helm.release import Layer, text_list
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "helm.toolkit.fluxcd.io"
_REPOSITORIES: Final = ("GitRepository", "HelmRepository", "OCIRepository")


def helm_release(resource: dict[str, Any]) -> Deployer:
    """A HelmRelease, whose chart and values `resolved` completes."""
    spec = mapping(resource.get("spec"))
    home, target = str(dig(resource, "metadata", "namespace") or ""), str(spec.get("targetNamespace") or "")
    chart = mapping(dig(spec, "chart", "spec"))
    reference = mapping(spec.get("chartRef") or chart.get("sourceRef"))
    name = str(spec.get("releaseName") or "-".join(filter(None, (target, name_of(resource)))))
    described = FluxChart(name, target or home or "default", "", None, spec)
    values = mappings(spec.get("valuesFrom"))
    return Deployer(
        name=name_of(resource),
        wave=None,
        namespace=target or home,
        sources=(_with_chart(described, chart, reference, ""),),
        definition=canonical(spec),
        home=home,
        needs=(_reference(reference, home), *(_reference(item, home) for item in values)),
        waits_for=tuple(
            _reference({"kind": "HelmRelease", **item}, home) for item in mappings(spec.get("dependsOn"))
        ),
    )


def _with_chart(
    described: FluxChart, chart: dict[str, Any], reference: dict[str, Any], url: str, ref: Any = None
) -> ApplicationSource:
    """What a HelmRelease deploys: the chart that its own fields describe, or those of a HelmChart."""
    path = posixpath.normpath(str(chart.get("chart") or ".").lstrip("/"))
    remote, repository = None, ""
    if reference.get("kind") == "GitRepository":
        repository = url
    elif reference.get("kind") == "OCIRepository":
        version = str(dig(ref, "semver") or dig(ref, "tag") or "")
        remote = RemoteChart(
            url, "" if url else str(reference.get("name") or ""), version, str(dig(ref, "digest") or "")
        )
    else:
        name = str(chart.get("chart") or reference.get("name") or "")
        remote = RemoteChart(url, name, str(chart.get("version") or ""))
    helm = replace(
        described,
        path=path,
        chart=remote,
        files=tuple(text_list(chart.get("valuesFiles"))),
        ignores_missing=bool(chart.get("ignoreMissingValuesFiles")),
    )
    return ApplicationSource(str(remote) if remote else path, repository, helm=helm)


def _reference(value: dict[str, Any], home: str) -> Reference:
    namespace, name = str(value.get("namespace") or home), str(value.get("name") or "")
    return Reference(str(value.get("kind") or ""), namespace, name, bool(value.get("optional")))


def resolved(deployer: Deployer, find: Callable[[Reference], dict[str, Any] | None]) -> Deployer:
    """A HelmRelease with its chart, and the values that it takes from other resources."""
    spec = mapping(json.loads(deployer.definition))
    repository, *origins = deployer.needs
    chart = mapping(dig(spec, "chart", "spec"))
    if repository.kind == "HelmChart":
        chart = mapping(dig(find(repository), "spec"))
        repository = _reference(mapping(chart.get("sourceRef")), repository.namespace)
    layers: list[Layer] = []
    remarks: list[str] = []
    missing: list[str] = []
    for item, origin in zip(mappings(spec.get("valuesFrom")), origins, strict=True):
        if origin.kind == "Secret":
            remarks.append(f"{deployer.name} is rendered without the values from the {origin}, which are secret")
        elif layer := values_from(item, find(origin) or {}):
            layers.append(layer)
        elif not origin.is_optional:
            key = str(item.get("valuesKey") or VALUES_KEY)
            there = find(origin) is not None
            missing.append(f"{key} of the {origin}, which is not " + ("in it" if there else "in this environment"))
    (source,) = deployer.sources
    assert isinstance(source.helm, FluxChart)  # noqa: S101 - as `helm_release` makes it
    definition = mapping(dig(find(repository), "spec"))
    url = str(definition.get("url") or "") if repository.kind in _REPOSITORIES else ""
    described = replace(source.helm, layers=tuple(layers))
    reference = {"kind": repository.kind, "name": repository.name}
    problem = f"takes values from {missing[0]}" if missing else ""
    return replace(
        deployer,
        sources=(_with_chart(described, chart, reference, url, definition.get("ref")),),
        problem=problem,
        remarks=tuple(remarks),
    )
