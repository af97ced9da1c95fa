"""What custom resources refer to, found from the names of fields in their definitions' schemas."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.kubernetes_yaml import Step
from harness.manifests.pods import pods_of
from harness.manifests.values import dig, mapping, mappings
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.references import LH301, LH303, LH304, LH305, uses
from harness.validate.secrets import Origins

Named = tuple[str, str, tuple[Step, ...]]
"""A kind, a name, and the field that names it."""

_FIELDS: Final = {
    "ConfigMap": re.compile(r"(?:\w+C|c)onfigMaps?(?:Name|(?:Key)?Ref)?"),
    # A secretName may well be that of a Secret which the resource makes.
    "Secret": re.compile(r"(?:\w+S|s)ecret(?:s|KeyRef|Ref)"),
    "ServiceAccount": re.compile(r"(?:\w+S|s)erviceAccount(?:Name)?"),
    "PersistentVolumeClaim": re.compile(r"(?:\w+P|p)ersistentVolumeClaim(?:Name)?"),
}
_RULES: Final = {
    "ConfigMap": LH301,
    "Secret": LH303,
    "ServiceAccount": LH304,
    "PersistentVolumeClaim": LH305,
}


def check(environment: Environment, origins: Origins) -> Iterator[Violation]:
    """Finds references to what nothing makes."""
    schemas = _schemas(environment)
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
