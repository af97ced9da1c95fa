"""Argo CD's Lua, tried on resources: health checks, and the actions of resources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import Step, parse
from harness.manifests.values import dig, mapping, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import json_line, yaml_documents
from harness.validate.texts.readers import Reading

LH206: Final = ValidationRule(
    "LH206",
    "Argo CD's Lua runs: a health check whatever status a resource has, and actions",
    "The health is unknown, and the sync never goes on; the action fails or is not offered.",
    engine="gopher-lua",
)

_KEY: Final = re.compile(r"resource\.customizations\.(health|actions)\.(.+)")
_ALL: Final = "resource.customizations"
"""The old key, for everything."""
_CUSTOMIZATION: Final = re.compile(r"resource\.customizations\.([^.]+)\.")
_CUSTOMIZATIONS: Final = (
    *("actions", "health", "ignoreDifferences", "ignoreResourceUpdates"),
    *("knownTypeFields", "useOpenLibs"),
)
_ACTIONS: Final[tuple[str, ...]] = ("definitions", "discovery.lua", "mergeBuiltinActions")
_DEFINITION: Final[tuple[str, ...]] = ("action.lua", "name")
_HEALTH: Final = ("Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown")
_STATUS: Final = re.compile(r"\w\.status\s*=\s*[\"'](\w+)[\"']|\{\s*status\s*=\s*[\"'](\w+)[\"']")
_DEEPEST: Final = 8


@dataclass(frozen=True)
class Actions:
    """The actions of a kind.

    Attributes:
        where: The key of the ConfigMap that holds them.
        kind: Its group and kind, as Argo CD writes them.
        text: YAML.
    """

    config: BuiltResource
    where: str
    kind: str
    text: str

    @cached_property
    def value(self) -> dict[str, Any]:
        return mapping(next(iter(yaml_documents(self.text)), None))

    @property
    def definitions(self) -> list[dict[str, Any]]:
        return mappings(self.value.get("definitions"))

    @property
    def names(self) -> list[str]:
        return [str(item.get("name")) for item in self.definitions]

    @property
    def has_all_libraries(self) -> bool:
        data = string_map(self.config.value.get("data"))
        return data.get(f"resource.customizations.useOpenLibs.{self.kind}") == "true"

    def start(self, path: tuple[Step, ...]) -> int | None:
        """The line of the key's text at which a script starts."""
        if self.where == _ALL:
            return None
        above = next((document.block(path) for document in parse(self.text)), None)
        return above + 1 if above else json_line(self.text, path)

    def violation(self, said: str) -> Violation:
        return Violation(LH206, f"{self.config} {said}.", self.config, ("data", self.where))


def check(environment: Environment) -> Iterator[Violation]:
    """Finds customizations that Argo CD ignores, and actions that it never offers."""
    for config in _settings(environment):
        for key in string_map(config.value.get("data")):
            match = _CUSTOMIZATION.match(key)
            if match and match[1] not in _CUSTOMIZATIONS:
                close = closest(match[1], _CUSTOMIZATIONS)
                instead = f"use {close}" if close else f"it knows {', '.join(_CUSTOMIZATIONS)}"
                message = f"{config} sets {key}, of which Argo CD ignores {match[1]}: {instead}."
                yield Violation(LH206, message, config, ("data", key))
        yield from _of_no_kind(environment, config)
        yield from _statuses(config)
    for actions in _actions(environment):
        fields = [(name, _ACTIONS) for name in actions.value]
        fields += [(name, _DEFINITION) for item in actions.definitions for name in item]
        for name, known in fields:
            if name not in known:
                close = closest(name, known)
                instead = f"use {close}" if close else f"it knows {', '.join(known)}"
                yield actions.violation(
                    f"sets {name} in the actions of {actions.kind}, which Argo CD ignores: {instead}"
                )
        script = actions.value.get("discovery.lua")
        for name in actions.names if isinstance(script, str) else ():
            if name not in str(script):
                said = f"defines the action {name} of {actions.kind}, which its discovery.lua never offers"
                yield actions.violation(said)


def _of_no_kind(environment: Environment, config: BuiltResource) -> Iterator[Violation]:
    """Customizations of a kind that its group does not define; of other groups, the kinds are not known."""
    kinds: dict[str, set[str]] = {}
    for group, kind in environment.definitions:
        kinds.setdefault(group, set()).add(kind)
    for key in string_map(config.value.get("data")):
        group, _, kind = match[2].rpartition("_") if (match := _KEY.fullmatch(key)) else ("", "", "")
        if group in kinds and kind not in kinds[group] and (close := closest(kind, kinds[group])):
            message = f"{config} sets {key}, and {group} defines no {kind}: use {close}."
            yield Violation(LH206, message, config, ("data", key))


def _statuses(config: BuiltResource) -> Iterator[Violation]:
    """Statuses that a health check gives and Argo CD does not know: it takes them for Unknown."""
    for key, script in string_map(config.value.get("data")).items():
        match = _KEY.fullmatch(key)
        for found in _STATUS.finditer(script) if match and match[1] == "health" else ():
            status = found[1] or found[2]
            if status not in _HEALTH and (close := closest(status, _HEALTH, 0.75)):
                line = script.count("\n", 0, found.start()) + 1
                message = f"{config} has a {key} that gives the status {status}, line {line}: use {close}."
                yield Violation(LH206, message, config, ("data", key), line)


def readings(environment: Environment) -> Iterator[Reading]:
    for config in _settings(environment):
        data = string_map(config.value.get("data"))
        for key, script, open_libraries in _scripts(data):
            where = next((name for name in data if name.endswith(f".health.{key}")), _ALL)
            yield Reading(
                LH206,
                config,
                ("data", where),
                "health",
                script,
                f"a health check of {key} that does not run",
                first=None if where == _ALL else 1,
                objects=list(_examples(environment, key)),
                libraries=open_libraries,
            )
    for actions in _actions(environment):
        yield from _of_actions(actions, list(_examples(environment, actions.kind)))


def _of_actions(actions: Actions, objects: list[dict[str, Any]]) -> Iterator[Reading]:
    merged = actions.value.get("mergeBuiltinActions") is True
    scripts: list[tuple[str, tuple[Step, ...], str]] = [("discovery", ("discovery.lua",), "a discovery.lua")]
    for index, name in enumerate(actions.names):
        scripts.append(("action", ("definitions", index, "action.lua"), f"an action {name}"))
    for form, path, said in scripts:
        if isinstance(script := dig(actions.value, *path), str):
            yield Reading(
                LH206,
                actions.config,
                ("data", actions.where),
                form,
                script,
                f"{said} of {actions.kind} that does not run",
                first=actions.start(path),
                # Nobody starts an action on a resource without what it is about.
                objects=objects if form == "discovery" else objects[2:],
                libraries=actions.has_all_libraries,
                actions=None if form == "action" or merged else actions.names,
            )


def _settings(environment: Environment) -> list[BuiltResource]:
    return [config for config in environment.of_kind("ConfigMap") if config.name == "argocd-cm"]


def _actions(environment: Environment) -> Iterator[Actions]:
    for config in _settings(environment):
        data = string_map(config.value.get("data"))
        for name, text in data.items():
            if (match := _KEY.fullmatch(name)) and match[1] == "actions":
                yield Actions(config, name, match[2], text)
        for document in yaml_documents(data.get(_ALL, "")):
            for kind, customization in mapping(document).items():
                if isinstance(text := dig(customization, "actions"), str):
                    yield Actions(config, _ALL, kind, text)


def _scripts(data: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    """The group and kind, the script, and whether it has all libraries, of each health check."""
    for name, text in data.items():
        if (match := _KEY.fullmatch(name)) and match[1] == "health":
            yield match[2], text, data.get(f"resource.customizations.useOpenLibs.{match[2]}") == "true"
    for document in yaml_documents(data.get(_ALL, "")):
        for key, customization in mapping(document).items():
            if isinstance(script := dig(customization, "health.lua"), str):
                yield key, script, dig(customization, "health.lua.useOpenLibs") is True


def _examples(environment: Environment, key: str) -> Iterator[dict[str, Any]]:
    """A resource without a status, with an empty one, and with one that has every field of its definition."""
    group, _, kind = key.rpartition("_" if "/" not in key else "/")
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
