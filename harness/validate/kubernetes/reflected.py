"""What Reflector copies: the original exists and permits the copy, and the namespaces that it names exist."""

import re
from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.patches import selects
from harness.manifests.values import dig, string_map
from harness.validate.finding import Violation
from harness.validate.kubernetes.secrets import REFLECTOR, Origins, listed, target_of
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH323: Final = ValidationRule(
    "LH323",
    "What Reflector copies exists and permits it, and so do the namespaces that it is for",
    "The copy stays as it is, or is never made.",
    is_about_absence=True,
    provided_by=frozenset({"Secret", "ConfigMap", "ExternalSecret", "Namespace"}),
)

_REFLECTS: Final = f"{REFLECTOR}/reflects"
_ALLOWED: Final = f"{REFLECTOR}/reflection-allowed"
_NAMESPACES: Final = (f"{_ALLOWED}-namespaces", f"{REFLECTOR}/reflection-auto-namespaces")
_PLAIN: Final = re.compile(r"[a-z0-9-]+")
"""A name; other patterns are regular expressions."""

Annotated = tuple[BuiltResource, str, str, FieldPath, dict[str, str]]
"""A resource, the kind and name of what it makes, the path of its annotations, and these."""


def check(environment: Environment, origins: Origins) -> Iterator[Violation]:
    """Finds copies that Reflector does not make."""
    annotated = [one for one in _annotated(environment) if any(key.startswith(REFLECTOR) for key in one[-1])]
    originals = {(kind, resource.namespace, name): own for resource, kind, name, _, own in annotated}
    for resource, kind, _, path, own in annotated:
        for key in _NAMESPACES:
            for name in filter(_PLAIN.fullmatch, listed(own.get(key, ""))):
                if name not in environment.namespaces:
                    close = closest(name, environment.namespaces)
                    meant = f": use {close}" if close else ""
                    message = f"{resource} is copied to {name}, a namespace that does not exist{meant}."
                    yield Violation(LH323, message, resource, (*path, key))
        if not (original := own.get(_REFLECTS, "")):
            continue
        place, _, name = original.rpartition("/")
        place = place or resource.namespace
        if (kind, place, name) not in origins:
            message = f"{resource} is a copy of {kind} {place}/{name}, which nothing creates."
            yield Violation(LH323, message, resource, (*path, _REFLECTS))
        elif (there := originals.get((kind, place, name))) is not None and not _permits(there, resource.namespace):
            message = f"{resource} is a copy of {kind} {place}/{name}, which permits none in {resource.namespace}."
            yield Violation(LH323, message, resource, (*path, _REFLECTS))


def _annotated(environment: Environment) -> Iterator[Annotated]:
    for resource in environment.of_kind("ConfigMap", "Secret", "ExternalSecret"):
        if resource.kind == "ExternalSecret":
            path: FieldPath = ("spec", "target", "template", "metadata", "annotations")
            yield resource, "Secret", target_of(resource), path, string_map(dig(resource.value, *path))
        else:
            yield resource, resource.kind, resource.name, ("metadata", "annotations"), resource.annotations


def _permits(annotations: dict[str, str], namespace: str) -> bool:
    patterns = listed(annotations.get(_NAMESPACES[0], ""))
    return annotations.get(_ALLOWED) == "true" and (
        not patterns or any(selects(pattern, namespace) for pattern in patterns)
    )
