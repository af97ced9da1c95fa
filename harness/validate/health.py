"""Argo CD's health checks in Lua, tried on resources."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import dig, mapping, mappings, string_map
from harness.validate.model import BuiltResource, Environment
from harness.validate.parsed import yaml_documents
from harness.validate.readers import Reading
from harness.validate.rule import ValidationRule

LH206: Final = ValidationRule(
    "LH206",
    "A health check of Argo CD runs, whatever status a resource has",
    "The health is unknown, and the sync never goes on.",
    engine="gopher-lua",
)

_KEY: Final = re.compile(r"resource\.customizations\.health\.(.+)")
_DEEPEST: Final = 8


def readings(environment: Environment) -> Iterator[Reading]:
    for config in environment.of_kind("ConfigMap"):
        if config.name != "argocd-cm":
            continue
        data = string_map(config.value.get("data"))
        for key, script, open_libraries in _scripts(data):
            group, _, kind = key.rpartition("_" if "/" not in key else "/")
            where = next((name for name in data if name.endswith(f".health.{key}")), "resource.customizations")
            yield Reading(
                LH206,
                config,
                ("data", where),
                "health",
                script,
                f"a health check of {key} that does not run",
                objects=list(_examples(environment, group, kind)),
                libraries=open_libraries,
            )


def _scripts(data: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    """The group and kind, the script, and whether it has all libraries, of each health check."""
    for name, text in data.items():
        if match := _KEY.fullmatch(name):
            yield match[1], text, data.get(f"resource.customizations.useOpenLibs.{match[1]}") == "true"
    for document in yaml_documents(data.get("resource.customizations", "")):
        for key, customization in mapping(document).items():
            if isinstance(script := dig(customization, "health.lua"), str):
                yield key, script, dig(customization, "health.lua.useOpenLibs") is True


def _examples(environment: Environment, group: str, kind: str) -> Iterator[dict[str, Any]]:
    """A resource without a status, with an empty one, and with one that has every field of its definition."""
    base: dict[str, Any] = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": "example", "namespace": "example", "generation": 1, "annotations": {}, "labels": {}},
        "spec": {},
    }
    own: list[BuiltResource] = [item for item in environment.of_kind(kind) if item.group == group][:1]
    for item in own:
        base |= {"metadata": base["metadata"] | mapping(item.value.get("metadata")), "spec": item.value.get("spec")}
    yield base
    yield base | {"status": {}}
    if schema := _status(environment, group, kind):
        yield base | {"status": example(schema)}


def _status(environment: Environment, group: str, kind: str) -> dict[str, Any]:
    crd = environment.definitions.get((group, kind))
    version = next(iter(mappings(dig(crd.value, "spec", "versions"))), {}) if crd else {}
    return mapping(dig(version, "schema", "openAPIV3Schema", "properties", "status"))


def example(schema: dict[str, Any], depth: int = 0) -> Any:
    """A value of a schema that has every field.

    >>> example({"type": "object", "properties": {"phase": {"type": "string", "enum": ["Ready"]}}})
    {'phase': 'Ready'}
    """
    if enum := schema.get("enum"):
        return enum[0]
    match schema.get("type"):
        case "object" if depth < _DEEPEST:
            return {name: example(item, depth + 1) for name, item in mapping(schema.get("properties")).items()}
        case "array" if depth < _DEEPEST:
            return [example(mapping(schema.get("items")), depth + 1)]
        case "object" | "array" as kind:
            return {} if kind == "object" else []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
    return "2000-01-01T00:00:00Z" if schema.get("format") == "date-time" else "example"
