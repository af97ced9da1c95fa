"""What has to change in a cluster so that it has the catalogue's secrets. Pure: it reads and writes nothing.

Values that are there stay; what is missing is made. Only a rotation makes an existing value new.
"""

import base64
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.catalogue import Catalogue, Place, Recipe, Secret

LABELS: Final = {
    "app.kubernetes.io/managed-by": "harness-secrets",
    "app.kubernetes.io/part-of": "lakehouse-platform",
}
REDACTED: Final = "<redacted>"
_LETTERS: Final = string.ascii_letters + string.digits
_FERNET_BYTES: Final = 32


@dataclass(frozen=True)
class Present:
    """A Secret as the cluster has it.

    Attributes:
        data: Decoded values by key.
        annotations: Its annotations.
        version: Its resourceVersion.
    """

    data: dict[str, bytes] = field(repr=False)
    annotations: dict[str, str] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Change:
    """One Secret that has to be written.

    Attributes:
        place: Where.
        data: All values of the catalogue's keys; never printed.
        annotations: Reflector's annotations.
        why: For each key that changes, `made`, `rotated`, `copied` or `set`; empty when only annotations change.
        version: resourceVersion of what it replaces; None for a new Secret.
    """

    place: Place
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
    """There is a Secret where a copy belongs, and it is a copy of nothing."""


def make(recipe: Recipe) -> bytes:
    """Makes a value; random ones come from the operating system's generator."""
    if recipe.kind == "constant":
        return recipe.value.encode()
    if recipe.kind == "fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES))
    return "".join(secrets.choice(_LETTERS) for _ in range(recipe.length)).encode()


def plan_source(
    catalogue: Catalogue,
    secret: Secret,
    present: Present | None,
    rotate: frozenset[str] = frozenset(),
    maker: Callable[[Recipe], bytes] = make,
) -> Change | None:
    """The change that a secret itself needs, or None.

    Args:
        catalogue: Where Reflector's annotations are named.
        secret: The secret.
        present: What the cluster has.
        rotate: Keys to make new.
        maker: Makes a value.
    """
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
    annotations = source_annotations(catalogue, secret)
    return _change(secret.place, data, annotations, why, present)


def plan_mirrors(
    catalogue: Catalogue, secret: Secret, data: Mapping[str, bytes], present: Mapping[Place, Present]
) -> list[Change]:
    """The changes that the copies of a secret need, once it has `data`.

    Raises:
        ForeignSecretError: Where a copy belongs is a Secret that is none.
    """
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


def source_annotations(catalogue: Catalogue, secret: Secret) -> dict[str, str]:
    """What tells Reflector where copies of a secret may be."""
    if not secret.mirrors:
        return {}
    namespaces = ",".join(sorted({mirror.namespace for mirror in secret.mirrors}))
    return {catalogue.reflector.allowed: "true", catalogue.reflector.allowed_namespaces: namespaces}


def _change(
    place: Place, data: dict[str, bytes], annotations: dict[str, str], why: dict[str, str], present: Present | None
) -> Change | None:
    if present is None:
        return Change(place, data, annotations, why)
    annotated = all(present.annotations.get(key) == value for key, value in annotations.items())
    if annotated and not why:
        return None
    return Change(place, data, annotations, why, present.version)
