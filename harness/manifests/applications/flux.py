"""Flux's Kustomizations."""

import json
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from harness.manifests.applications.deployer import ApplicationSource, Deployer, Reference, name_of
from harness.manifests.applications.templates import go_text
from harness.manifests.helm.flux import common_metadata
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "kustomize.toolkit.fluxcd.io"
_EDITS: Final = ("namePrefix", "nameSuffix", "images", "components", "ignoreMissingComponents")


def kustomization(resource: dict[str, Any]) -> Deployer:
    """A Kustomization, whose sources `resolved` completes."""
    spec = mapping(resource.get("spec"))
    home = str(dig(resource, "metadata", "namespace") or "")
    path = posixpath.normpath(str(spec.get("path") or ".")).lstrip("/") or "."
    repository = _reference(mapping(spec.get("sourceRef")), home)
    edits: dict[str, Any] = {name: spec[name] for name in _EDITS if spec.get(name)}
    if spec.get("targetNamespace"):
        edits["namespace"] = str(spec["targetNamespace"])
    edits["patches"] = [
        _patch(item) for name in ("patches", "patchesJson6902") for item in mappings(spec.get(name))
    ]
    edits["patches"] += [{"patch": canonical(item)} for item in mappings(spec.get("patchesStrategicMerge"))]
    away = "" if repository.kind == "GitRepository" else f"its source is the {repository}"
    variables = mappings(dig(spec, "postBuild", "substituteFrom"))
    return Deployer(
        name=name_of(resource),
        wave=None,
        namespace=str(spec.get("targetNamespace") or ""),
        sources=(ApplicationSource(path, "", edits, not_built=away, is_flux=True),),
        definition=canonical(spec),
        home=home,
        needs=(repository, *(_reference(item, home) for item in variables)),
        waits_for=tuple(
            _reference({"kind": "Kustomization", **item}, home) for item in mappings(spec.get("dependsOn"))
        ),
    )


def _patch(item: dict[str, Any]) -> dict[str, Any]:
    patch = item.get("patch")
    fields = {"patch": patch if isinstance(patch, str) else canonical(patch), "target": item.get("target")}
    return {name: value for name, value in fields.items() if value}


def _reference(value: dict[str, Any], home: str) -> Reference:
    namespace, name = str(value.get("namespace") or home), str(value.get("name") or "")
    return Reference(str(value.get("kind") or "GitRepository"), namespace, name, bool(value.get("optional")))


def resolved(deployer: Deployer, find: Callable[[Reference], dict[str, Any] | None]) -> Deployer:
    """A Kustomization with the URL of its repository and the values of its variables, as far as they are known."""
    spec = mapping(json.loads(deployer.definition))
    variables: dict[str, str] = {}
    unknown: set[str] = set()
    is_any_unknown = False
    remarks: list[str] = []
    missing: list[Reference] = []
    repository, *origins = deployer.needs
    for origin in origins:
        value = find(origin)
        if origin.kind == "Secret":
            is_any_unknown |= value is None
            unknown |= {*mapping(dig(value, "data")), *mapping(dig(value, "stringData"))}
            remarks.append(
                f"Variables from the {origin} are shown as they are written, because its values are unknown"
            )
        elif value is not None:
            variables |= _texts(value.get("data"))
        elif not origin.is_optional:
            is_any_unknown = True
            missing.append(origin)
    variables |= _texts(dig(spec, "postBuild", "substitute"))
    always = dig(spec, "postBuild", "substituteStrategy") == "Always"
    after_build = {
        "substitute": bool(variables or unknown or is_any_unknown or (always and spec.get("postBuild"))),
        "variables": variables,
        "unknown": sorted(unknown - set(variables)),
        "anyUnknown": is_any_unknown,
        **common_metadata(spec),
    }
    definition = mapping(find(repository))
    sources = tuple(
        replace(
            source,
            repository=str(dig(definition, "spec", "url") or ""),
            ignored=str(dig(definition, "spec", "ignore") or ""),
            after_build=after_build if any(after_build.values()) else {},
        )
        for source in deployer.sources
    )
    problem = f"substitutes variables from the {missing[0]}, which is not in this environment" if missing else ""
    return replace(deployer, sources=sources, problem=problem, remarks=tuple(remarks))


def _texts(values: Any) -> dict[str, str]:
    return {str(name): go_text(value).replace("\n", "") for name, value in mapping(values).items()}
