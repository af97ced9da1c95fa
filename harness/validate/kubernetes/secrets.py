"""The origins of Secrets: a manifest, the catalogue of `harness secrets`, Reflector, an operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.manifests.catalogue import Catalogue
from harness.manifests.patches import selects
from harness.manifests.values import dig, mappings, string_map
from harness.validate.model import BuiltResource, Environment

REFLECTOR: Final = "reflector.v1.k8s.emberstack.com"


@dataclass(frozen=True)
class Origin:
    """What creates a Secret or ConfigMap.

    Attributes:
        keys: Its keys; None when they are not known.
        maker: The resource that has to be there first; None for what exists before the first sync.
    """

    keys: frozenset[str] | None
    maker: BuiltResource | None = None


Origins = dict[tuple[str, str, str], Origin]
"""By (kind, namespace, name)."""


def origins(environment: Environment, catalogue: Catalogue) -> Origins:
    """Every Secret and ConfigMap that an environment will have."""
    reflector = reflector_of(environment)
    made: Origins = {}
    if not environment.of_kind("ExternalSecret"):
        # An environment that has them takes its Secrets from there, and `harness secrets` is not for it.
        for place, secret in catalogue.places():
            made["Secret", place.namespace, place.name] = Origin(frozenset(secret.keys))
    for resource in environment.resources:
        if resource.kind in ("Secret", "ConfigMap"):
            fields = ("data", "stringData", "binaryData")
            keys = frozenset(str(key) for field in fields for key in string_map(resource.value.get(field)))
            if resource.value.get("type") == "kubernetes.io/service-account-token":
                made[resource.kind, resource.namespace, resource.name] = Origin(None, resource)
                continue  # a controller fills it
            made[resource.kind, resource.namespace, resource.name] = Origin(keys, resource)
            for namespace in _copies(resource.annotations, environment):
                made.setdefault((resource.kind, namespace, resource.name), Origin(keys, reflector))
        elif resource.kind == "ExternalSecret":
            _external(resource, environment, catalogue, made, reflector)
    return made


def reflector_of(environment: Environment) -> BuiltResource | None:
    """The Deployment that copies Secrets between namespaces."""
    for resource in environment.of_kind("Deployment"):
        for container in mappings(dig(resource.value, "spec", "template", "spec", "containers")):
            if "reflector" in str(container.get("image")):
                return resource
    return None


def _external(
    resource: BuiltResource,
    environment: Environment,
    catalogue: Catalogue,
    origins: Origins,
    reflector: BuiltResource | None,
) -> None:
    name = target_of(resource)
    keys = fetched_keys(resource, catalogue)
    template = dig(resource.value, "spec", "target", "template")
    if isinstance(dig(template, "data"), dict):
        own = frozenset(map(str, template["data"]))
        keys = own if template.get("mergePolicy") != "Merge" else None if keys is None else keys | own
    origins["Secret", resource.namespace, name] = Origin(keys, resource)
    annotations = string_map(dig(resource.value, "spec", "target", "template", "metadata", "annotations"))
    for namespace in _copies(annotations, environment):
        origins.setdefault(("Secret", namespace, name), Origin(keys, reflector))


def target_of(external: BuiltResource) -> str:
    """The name of the Secret that an ExternalSecret makes."""
    return str(dig(external.value, "spec", "target", "name") or external.name)


def fetched_keys(external: BuiltResource, catalogue: Catalogue) -> frozenset[str] | None:
    """The keys that an ExternalSecret fetches; None when they are not known."""
    spec = external.value.get("spec")
    keys = frozenset(str(item.get("secretKey")) for item in mappings(dig(spec, "data")))
    for source in mappings(dig(spec, "dataFrom")):
        entry = catalogue.entry(str(dig(source, "extract", "key")))
        if entry is None or "rewrite" in source or dig(source, "extract", "property"):
            return None
        keys |= entry.keys.keys()
    return keys


def _copies(annotations: dict[str, str], environment: Environment) -> Iterator[str]:
    """The namespaces to which Reflector copies on its own; its patterns are regular expressions."""
    if annotations.get(f"{REFLECTOR}/reflection-auto-enabled") != "true":
        return
    patterns = listed(annotations.get(f"{REFLECTOR}/reflection-auto-namespaces", "")) or [".*"]
    for namespace in environment.namespaces:
        if any(selects(pattern, namespace) for pattern in patterns):
            yield namespace


def listed(text: str) -> list[str]:
    """The items of an annotation of Reflector's."""
    return [part for item in text.split(",") if (part := item.strip())]
