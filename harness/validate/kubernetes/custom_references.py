"""What custom resources refer to, found from the names of fields in their definitions' schemas."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.custom_resources import CRD_MODULES, KINDS
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.pods import pods_of
from harness.manifests.values import dig, mapping, mappings
from harness.validate.finding import Violation
from harness.validate.kubernetes.references import LH301, LH303, LH304, LH305, uses
from harness.validate.kubernetes.secrets import Origins
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH315: Final = ValidationRule(
    "LH315",
    "A custom resource that another one names, such as a SecretStore, exists",
    "The operator waits for it forever.",
    is_about_absence=True,
)

Named = tuple[str, str, tuple[Step, ...]]
"""A kind, a name, and the field that names it."""

_FIELDS: Final = {
    "ConfigMap": re.compile(r"(?:\w+C|c)onfigMaps?(?:Name|(?:Key)?Ref)?"),
    # A secretName may well be that of a Secret which the resource makes.
    "Secret": re.compile(r"(?:\w+S|s)ecret(?:s|KeyRef|Ref)"),
    "ServiceAccount": re.compile(r"(?:\w+S|s)erviceAccount(?:Name|Ref)?"),
    "PersistentVolumeClaim": re.compile(r"(?:\w+P|p)ersistentVolumeClaim(?:Name)?"),
}
_RULES: Final = {
    "ConfigMap": LH301,
    "Secret": LH303,
    "ServiceAccount": LH304,
    "PersistentVolumeClaim": LH305,
}
_REFERENCE: Final = re.compile(r"\w+Refs?")
_USUAL: Final = {"secretStoreRef": "SecretStore", "secretStoreRefs": "SecretStore", "issuerRef": "Issuer"}
"""The kind that is meant where a reference names none."""


def check(environment: Environment, origins: Origins, operators: Path) -> Iterator[Violation]:
    """Finds references to what nothing makes.

    Args:
        environment: What is judged.
        origins: What makes its Secrets and ConfigMaps.
        operators: The folder of the schemas of custom resources (harness/validate/kubernetes/schemas.py).
    """
    schemas = _schemas(environment) | _of_operators(environment, operators)
    kinds = {(group, kind): is_global for group, kind, is_global in _kinds(environment)}
    groups = {group for group, _ in kinds}
    for resource in environment.sound:
        version = str(resource.value.get("apiVersion") or "").rpartition("/")[2]
        if schema := schemas.get((resource.group, resource.kind, version)):
            judged = {(kind, name) for pod in pods_of(resource) for kind, name, *_ in uses(pod)}
            judged |= {("ServiceAccount", pod.account) for pod in pods_of(resource)}
            for kind, name, path in named(schema, resource.value):
                if (kind, name) not in judged and not _exists(environment, origins, resource, kind, name):
                    judged.add((kind, name))
                    message = f"{resource} names {kind} {resource.namespace}/{name}, which nothing creates."
                    yield Violation(_RULES[kind], message, resource, (*resource.inside, *path))
        if resource.group in groups:
            yield from _custom(environment, resource, kinds)


def _custom(
    environment: Environment, resource: BuiltResource, kinds: dict[tuple[str, str], bool]
) -> Iterator[Violation]:
    """References to custom resources of which the definition is known."""
    for reference, path in _references(resource.value.get("spec"), ("spec",)):
        group = (
            reference.get("group") or str(reference.get("apiVersion") or "").rpartition("/")[0] or resource.group
        )
        kind = str(reference.get("kind") or _USUAL.get(str(path[-1])) or _USUAL.get(str(path[-2])))
        is_global = kinds.get((group, kind))
        if is_global is None:
            continue
        namespace = "" if is_global else str(reference.get("namespace") or resource.namespace)
        there = [one for one in environment.of_kind(kind) if one.group == group]
        if any((one.name, one.namespace) == (reference["name"], namespace) for one in there):
            continue
        close = closest(reference["name"], [one.name for one in there if one.namespace == namespace])
        place = f"{namespace}/" if namespace else ""
        message = f"{resource} names {kind} {place}{reference['name']}, which does not exist"
        yield Violation(LH315, message + (f": use {close}." if close else "."), resource, (*resource.inside, *path))


def _references(value: Any, path: tuple[Step, ...]) -> Iterator[tuple[dict[str, Any], tuple[Step, ...]]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index))
    elif isinstance(value, dict):
        field = next((step for step in reversed(path) if isinstance(step, str)), "")
        if _REFERENCE.fullmatch(field) and isinstance(value.get("name"), str) and not value.get("optional"):
            yield value, path
        for key, item in value.items():
            yield from _references(item, (*path, key))


def _kinds(environment: Environment) -> Iterator[tuple[str, str, bool]]:
    """The group and kind of custom resources that have a definition, and whether they belong to no namespace."""
    for (group, kind), crd in environment.definitions.items():
        yield group, kind, dig(crd.value, "spec", "scope") == "Cluster"
    used = {resource.group for resource in environment.resources}
    for group in (used & KINDS.keys()) - {group for group, _ in environment.definitions}:
        yield from ((group, kind, is_global) for kind, is_global in KINDS[group].items())


def _of_operators(environment: Environment, folder: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The schemas of specs in the modules of operators that the cluster brings."""
    schemas: dict[tuple[str, str, str], dict[str, Any]] = {}
    for resource in environment.sound:
        version = str(resource.value.get("apiVersion") or "").rpartition("/")[2]
        key = (resource.group, resource.kind, version)
        if resource.group in CRD_MODULES and key not in schemas:
            file = folder / resource.group / f"{resource.kind.lower()}_{version}.json"
            if file.is_file():
                spec = dig(json.loads(file.read_bytes()), "properties", "spec")
                schemas[key] = {"properties": {"spec": spec}}
    return schemas


def _schemas(environment: Environment) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The schemas of specs, by group, kind and version."""
    schemas: dict[tuple[str, str, str], dict[str, Any]] = {}
    for (group, kind), crd in environment.definitions.items():
        for version in mappings(dig(crd.value, "spec", "versions")):
            spec = dig(version, "schema", "openAPIV3Schema", "properties", "spec")
            schemas[group, kind, str(version.get("name"))] = {"properties": {"spec": spec}}
    return schemas


def _exists(environment: Environment, origins: Origins, resource: BuiltResource, kind: str, name: str) -> bool:
    if kind in ("ConfigMap", "Secret"):
        return (kind, resource.namespace, name) in origins
    return name == "default" or environment.get(kind, resource.namespace, name) is not None


def named(schema: Any, value: Any, path: tuple[Step, ...] = ()) -> Iterator[Named]:
    """The references in a value.

    >>> list(named({"properties": {"configMap": {"type": "string"}}}, {"configMap": "settings"}))
    [('ConfigMap', 'settings', ('configMap',))]
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from named(mapping(schema).get("items"), item, (*path, index))
    elif isinstance(value, dict):
        properties = mapping(mapping(schema).get("properties"))
        for field in sorted(value.keys() & properties.keys()):
            place, item = (*path, field), value[field]
            kind = next((kind for kind, names in _FIELDS.items() if names.fullmatch(field)), "")
            if kind:
                yield from ((kind, name, place) for name in _names(item))
            else:
                yield from named(properties[field], item, place)


def _names(value: Any) -> Iterator[str]:
    """The names in a reference: a text, or objects with a name that are not optional or of another namespace."""
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else [value]:
        name = dig(item, "name") or dig(item, "claimName")
        if isinstance(name, str) and not dig(item, "optional") and not dig(item, "namespace"):
            yield name
