"""What must change for a cluster to have the catalogue's Secrets. Pure.

Existing values stay, missing ones are created; only a rotation replaces a value.
"""

import base64
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.catalogue import RANDOM, Catalogue, NamespacedName, Recipe, Secret
from harness.manifests.sensitive import REDACTED

LABELS: Final = {
    "app.kubernetes.io/managed-by": "harness-secrets",
    "app.kubernetes.io/part-of": "lakehouse-platform",
}
_LETTERS: Final = string.ascii_letters + string.digits
_FERNET_BYTES: Final = 32


@dataclass(frozen=True)
class Present:
    """A Secret in the cluster: decoded values by key, annotations, and its resourceVersion."""

    data: dict[str, bytes] = field(repr=False)
    annotations: dict[str, str] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Change:
    """A Secret to write.

    Attributes:
        data: All values of the catalogue's keys; never printed.
        why: For each key that changes, `made`, `rotated`, `copied` or `set`.
        version: resourceVersion of the Secret that it replaces; None for a new one.
    """

    place: NamespacedName
    data: dict[str, bytes] = field(repr=False)
    annotations: dict[str, str]
    why: dict[str, str]
    version: str | None = None

    def manifest(self, *, redacted: bool = False) -> dict[str, Any]:
        """The Secret to apply; with `redacted`, one to show."""
        metadata: dict[str, Any] = {"name": self.place.name, "namespace": self.place.namespace, "labels": LABELS}
        if self.annotations:
            metadata["annotations"] = self.annotations
        if self.version and not redacted:
            metadata["resourceVersion"] = self.version
        values = {
            key: REDACTED if redacted else base64.b64encode(value).decode()
            for key, value in sorted(self.data.items())
        }
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": values}


class ForeignSecretError(ValueError):
    """A Secret exists where a copy belongs, and is not a copy of the original."""


def make(recipe: Recipe) -> bytes:
    """A value; random ones come from the operating system's generator."""
    if recipe.kind not in RANDOM:
        return recipe.value.encode()
    if recipe.kind == "fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES))
    return "".join(secrets.choice(_LETTERS) for _ in range(recipe.length)).encode()


def plan_original(
    catalogue: Catalogue,
    secret: Secret,
    present: Present | None,
    rotate: frozenset[str] = frozenset(),
    maker: Callable[[Recipe], bytes] = make,
) -> Change | None:
    """The change that the original needs, with new values for the keys of `rotate`, or None."""
    there = present.data if present else {}
    data: dict[str, bytes] = {}
    why: dict[str, str] = {}
    for key, recipe in secret.keys.items():
        if recipe.kind == "constant":
            data[key] = maker(recipe)
            if there.get(key) != data[key]:
                why[key] = "set"
        elif key in rotate:
            data[key], why[key] = maker(recipe), "rotated"
        elif there.get(key):
            data[key] = there[key]
        else:
            data[key], why[key] = maker(recipe), "made"
    annotations = original_annotations(catalogue, secret)
    return _change(secret.place, data, annotations, why, present)


def plan_copies(
    catalogue: Catalogue, secret: Secret, data: Mapping[str, bytes], present: Mapping[NamespacedName, Present]
) -> list[Change]:
    """The changes that the copies need, once the original has `data`."""
    annotations = {catalogue.reflector.reflects: str(secret.place)}
    changes = []
    for place in secret.mirrors:
        there = present.get(place)
        if there is not None and there.annotations.get(catalogue.reflector.reflects) != str(secret.place):
            raise ForeignSecretError(str(place))
        why = {key: "copied" for key, value in data.items() if there is None or there.data.get(key) != value}
        change = _change(place, dict(data), annotations, why, there)
        if change is not None:
            changes.append(change)
    return changes


def original_annotations(catalogue: Catalogue, secret: Secret) -> dict[str, str]:
    if not secret.mirrors:
        return {}
    namespaces = ",".join(sorted({mirror.namespace for mirror in secret.mirrors}))
    return {catalogue.reflector.allowed: "true", catalogue.reflector.allowed_namespaces: namespaces}


def _change(
    place: NamespacedName,
    data: dict[str, bytes],
    annotations: dict[str, str],
    why: dict[str, str],
    present: Present | None,
) -> Change | None:
    if present is None:
        return Change(place, data, annotations, why)
    annotated = all(present.annotations.get(key) == value for key, value in annotations.items())
    if annotated and not why:
        return None
    return Change(place, data, annotations, why, present.version)
