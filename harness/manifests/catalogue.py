"""The list of secrets: what each one holds, how its values are made, and where copies go.

The list is `catalogue.yaml`, beside this file; its head explains its form.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness import errors
from harness.errors import HarnessError, UsageError
from harness.manifests.kubernetes_yaml import check_size

FILE: Final = Path(__file__).with_name("catalogue.yaml")
KINDS: Final = ("constant", "setting", "alphanumeric", "fernet")
RANDOM: Final = frozenset({"alphanumeric", "fernet"})
MIN_LENGTH: Final = 16
"""Characters; a random value shorter than this could be guessed."""
_VERSION: Final = 1
_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_SECRET_FIELDS: Final = frozenset(
    {"name", "namespace", "purpose", "component", "keys", "mirrors", "readers", "after_rotation"}
)
_FIELDS_OF_KIND: Final = {
    "constant": {"value"},
    "setting": {"value"},
    "alphanumeric": {"length"},
    "fernet": set[str](),
}


@dataclass(frozen=True)
class Recipe:
    """How the value of a key is made.

    Attributes:
        kind: `constant` (a name, not a secret), `setting` (what people set; `value` until then), `alphanumeric`
            (random letters and digits) or `fernet`.
    """

    kind: str
    value: str = ""
    length: int = 0


@dataclass(frozen=True)
class NamespacedName:
    """The namespace and the name of a Secret."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Secret:
    """One secret of the catalogue.

    Attributes:
        place: Where the original is.
        mirrors: Where copies are.
        readers: Workloads that read it or a copy, as namespace/kind/name.
        after_rotation: Workloads that must start again, or run again, before a new value holds.
        component: Without which nobody needs it; empty for what every environment has.
    """

    place: NamespacedName
    purpose: str
    keys: dict[str, Recipe]
    mirrors: tuple[NamespacedName, ...] = ()
    readers: tuple[str, ...] = ()
    after_rotation: tuple[str, ...] = ()
    component: str = ""

    @property
    def entry(self) -> str:
        return f"lakehouse/{self.place}"


@dataclass(frozen=True)
class Reflector:
    """The annotations by which Reflector keeps copies equal to their source."""

    allowed: str
    allowed_namespaces: str
    reflects: str


@dataclass(frozen=True)
class Catalogue:
    """All secrets."""

    reflector: Reflector
    secrets: tuple[Secret, ...]

    def named(self, name: str) -> Secret:
        """The secret with a name, or `namespace/name` where the name alone is not enough.

        Raises:
            HarnessError: There is none, or more than one.
        """
        namespace, _, short = name.rpartition("/")
        matching = [
            secret
            for secret in self.secrets
            if secret.place.name == short and namespace in ("", secret.place.namespace)
        ]
        if len(matching) == 1:
            return matching[0]
        if matching:
            places = " or ".join(str(secret.place) for secret in matching)
            raise UsageError(f"There is more than one Secret {name!r}: name {places}.")
        raise errors.unknown("secret", name, (secret.place.name for secret in self.secrets))

    def without_components(self) -> "Catalogue":
        """What every environment has."""
        return replace(self, secrets=tuple(secret for secret in self.secrets if not secret.component))

    def entry(self, key: str) -> Secret | None:
        """The secret that an entry of AWS Secrets Manager holds as a JSON object of its keys (docs/eks.md)."""
        return next((secret for secret in self.secrets if secret.entry == key), None)

    def places(self) -> Iterator[tuple[NamespacedName, Secret]]:
        for secret in self.secrets:
            for place in (secret.place, *secret.mirrors):
                yield place, secret


def read(file: Path = FILE) -> Catalogue:
    """Reads and checks a catalogue.

    Raises:
        HarnessError: It cannot be read, or something in it is wrong; the message names the secret and the key.
    """
    import yaml

    if not file.is_file():
        raise HarnessError(f"There is no catalogue of secrets at {file}: restore it from git.")
    try:
        text = file.read_text(encoding="utf-8")
        check_size(text)
        content = yaml.load(text, Loader=yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise HarnessError(f"{file} cannot be read ({' '.join(str(error).split())}): correct it.") from error
    try:
        return _catalogue(content)
    except ValueError as error:
        raise HarnessError(f"{file.name}: {error}. Correct it there.") from error


def of_checkout(root: Path) -> Catalogue:
    """The catalogue in a checkout; one without secrets where it has none."""
    file = root / FILE.relative_to(FILE.parents[2])
    return read(file) if file.is_file() else replace(read(), secrets=())


def _catalogue(content: Any) -> Catalogue:
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise ValueError(f"it is not a catalogue of version {_VERSION}")
    annotations, items = content.get("reflector"), content.get("secrets")
    if not isinstance(annotations, dict) or set(annotations) != {"allowed", "allowed_namespaces", "reflects"}:
        raise ValueError("'reflector' must name the annotations allowed, allowed_namespaces and reflects")
    if not isinstance(items, list):
        raise ValueError("it has no list 'secrets'")
    catalogue = Catalogue(
        Reflector(**{key: str(value) for key, value in annotations.items()}), tuple(_secret(item) for item in items)
    )
    seen: set[NamespacedName] = set()
    for place, _ in catalogue.places():
        if place in seen:
            raise ValueError(f"{place} is there twice")
        seen.add(place)
    return catalogue


def _secret(item: Any) -> Secret:
    if not isinstance(item, dict):
        raise ValueError("a secret is not a mapping")
    place = _place(item, "a secret")
    if unknown := sorted(set(item) - _SECRET_FIELDS):
        raise ValueError(f"{place} has the unknown field '{unknown[0]}'")
    keys = item.get("keys")
    if not isinstance(keys, dict) or not keys:
        raise ValueError(f"{place} has no keys")
    return Secret(
        place,
        str(item.get("purpose") or ""),
        {str(key): _recipe(place, str(key), recipe) for key, recipe in keys.items()},
        tuple(_place(mirror, f"a mirror of {place}") for mirror in item.get("mirrors") or ()),
        tuple(str(reader) for reader in item.get("readers") or ()),
        tuple(str(workload) for workload in item.get("after_rotation") or ()),
        str(item.get("component") or ""),
    )


def _place(item: Any, what: str) -> NamespacedName:
    if not isinstance(item, dict):
        raise ValueError(f"{what} is not a mapping")
    for field in ("namespace", "name"):
        if not isinstance(item.get(field), str) or not _NAME.fullmatch(item[field]):
            raise ValueError(f"{what} has no valid {field}: {item.get(field)!r}")
    return NamespacedName(item["namespace"], item["name"])


def _recipe(place: NamespacedName, key: str, item: Any) -> Recipe:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{place} has the key {key!r}, which no Secret may have")
    kind = item.get("kind") if isinstance(item, dict) else None
    if kind not in KINDS:
        raise ValueError(f"{key} of {place} is of kind {kind!r}; there are {', '.join(KINDS)}")
    if set(item) != {"kind"} | _FIELDS_OF_KIND[kind]:
        fields = ", ".join(("kind", *_FIELDS_OF_KIND[kind]))
        raise ValueError(f"{key} of {place} must have exactly: {fields}")
    length = item.get("length", 0)
    if kind == "alphanumeric" and (not isinstance(length, int) or length < MIN_LENGTH):
        raise ValueError(f"{key} of {place} has a length of {length}; {MIN_LENGTH} is the least")
    return Recipe(kind, str(item.get("value", "")), length)
