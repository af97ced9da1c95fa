"""What of a manifest is secret, and values without it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.manifests.patches import selects
from harness.manifests.sensitive import REDACTED, is_plain, is_sensitive, masked
from harness.manifests.values import dig, mappings, same, sequence, strings
from harness.review.fieldpath import FieldPath, Step
from harness.review.model import REDACTED_CHANGED

_SECRET_MANIFEST: Final = re.compile(r"""["']?kind["']?\s*:\s*["']?Secret(?:List)?\b""")
_SECRET_DATA: Final = re.compile(r"""/(?:data|stringData)\b|^\s*["']?(?:data|stringData)["']?\s*:""", re.MULTILINE)
_PATCHES: Final = ("patch", "jsonOp", "patches", "value")
_MUTATIONS: Final = frozenset({"mutate", "generate", "mutations", "parameters"})
"""Fields of a policy that hold what it writes."""
_VALUES: Final = frozenset({"value", "default", "defaultValue", "from"})
"""Fields beside a name that hold its value."""
_SELECTORS: Final = ("match", "applyTo", "resources", "matchConstraints", "matchResources")
_KEY_NAMES: Final = frozenset({"secretKey", "key", "property", "remoteKey", "name", "secretName", "kind"})
"""Fields that name a key of a Secret rather than hold it."""


@dataclass(frozen=True)
class Scope:
    """Where a value is, as far as secrecy goes.

    Attributes:
        start: The length of the path of the innermost manifest.
        children: Fields at this place that are secret as a whole.
        everything: Whether all of it is secret.
        known: Names that a schema declares to hold passwords.
    """

    group: str = ""
    kind: str = ""
    start: int = 0
    children: frozenset[Step] = frozenset()
    everything: bool = False
    known: frozenset[str] = frozenset()

    @classmethod
    def of(cls, resource: dict[str, Any], known: frozenset[str] = frozenset()) -> "Scope":
        return cls(*_type(resource), known=known).at((), resource)

    def at(self, path: FieldPath, *values: Any) -> "Scope":
        """The scope of the values at a path, one for each side, that are below this one."""
        scope = self
        if self.children or self.everything:
            inside = bool(path) and path[-1] in self.children
            scope = replace(self, children=frozenset(), everything=self.everything or inside)
        for value in values:
            if isinstance(value, list):
                hidden = bool(path) and self._is_named(path[-1])
                flags = frozenset(index for index, item in enumerate(value, start=1) if self._is_flag(item))
                if hidden or flags:
                    scope = replace(scope, everything=scope.everything or hidden, children=scope.children | flags)
            elif isinstance(value, dict):
                if path and (value.get("kind") in ("Secret", "SealedSecret") or _is_manifest(value)):
                    group, kind = _type(value)
                    scope = replace(scope, group=group, kind=kind, start=len(path))
                if named := frozenset(self._children(value)):
                    scope = replace(scope, children=scope.children | named)
        return scope

    def inside(self, path: FieldPath, value: Any) -> "Scope":
        """The scope of a document that is embedded in a text."""
        group, kind = _type(value) if _is_manifest(value) else ("", "")
        return replace(self, group=group, kind=kind, start=len(path), children=frozenset()).at(path, value)

    def hides(self, path: FieldPath, *values: Any) -> bool:
        """Whether the values at a path, which are no mappings of others, are secret."""
        if self.everything or (path and path[-1] in self.children) or self._is_secret_field(path[self.start :]):
            return True
        texts = [value for value in values if isinstance(value, str)]
        if any(_SECRET_MANIFEST.search(text) for text in texts):
            return bool(path)
        return bool(path) and self._is_named(path[-1]) and not all(map(is_plain, texts))

    def _is_named(self, step: Any) -> bool:
        if not isinstance(step, str) or (step in _KEY_NAMES and self.kind != "ConfigMap"):
            return False
        return self.is_sensitive(step)

    def _is_flag(self, item: Any) -> bool:
        """Whether the next item is the value of this one: `--password`."""
        return isinstance(item, str) and item.startswith("-") and "=" not in item and self.is_sensitive(item)

    def is_sensitive(self, name: str) -> bool:
        return is_sensitive(name) or name.rpartition(".")[2] in self.known

    def _children(self, value: dict[str, Any]) -> Iterator[str]:
        if self.is_sensitive(str(value.get("name") or "")):
            yield from _VALUES
        if self.kind == "Document" and "op" in value and _SECRET_DATA.search(str(value.get("path"))):
            yield "value"
        if _is_patch(value) and _patches_secret(value):
            yield from _PATCHES
        if any(_selects_secrets(value[name]) for name in _SELECTORS if name in value):
            yield from _MUTATIONS

    def _is_secret_field(self, path: FieldPath) -> bool:
        if self.kind == "Secret" and self.group == "":
            if path[:1] in (("data",), ("stringData",)):
                return True
            return path[:2] == ("metadata", "annotations") and len(path) > 2 and "last-applied" in str(path[2])
        if self.kind == "SealedSecret" and path[:2] == ("spec", "encryptedData"):
            return True
        names = [step for step in path if isinstance(step, str)]
        if "stringData" in names or ("secretGenerator" in names and "literals" in names):
            return True
        return "Secret" in self.kind and _holds_data(names)

    def mapping_of_secrets(self, path: FieldPath) -> bool:
        """Whether a mapping's keys are shown although it holds secrets."""
        inner = path[self.start :]
        return bool(inner) and inner[-1] in ("data", "stringData", "encryptedData") and not self.everything

    def shown(self, value: Any, path: FieldPath, other: Any = None) -> Any:
        """A value without its secrets; those that differ in `other` are marked as changed."""
        if isinstance(value, dict):
            if self._is_secret_field(path[self.start :]) and not self.mapping_of_secrets(path):
                return _redacted(value, other)
            below = other if isinstance(other, dict) else {}
            return {
                key: self.at((*path, key), item).shown(item, (*path, key), below.get(key))
                if isinstance(item, dict | list)
                else self._scalar(item, (*path, key), below.get(key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            if self.hides(path):
                return [_redacted(item, None) for item in value]
            others = _by_name(other)
            return [
                self.at((*path, index), item).shown(item, (*path, index), others.get(_name(item)))
                for index, item in enumerate(value)
            ]
        return self._scalar(value, path, other)

    def _scalar(self, value: Any, path: FieldPath, other: Any) -> Any:
        if self.hides(path, value) and value is not None:
            return _redacted(value, other)
        return masked(value, self.known) if isinstance(value, str) else value


def _redacted(value: Any, other: Any) -> str:
    return REDACTED if other is None or same(value, other) else REDACTED_CHANGED


def _name(item: Any) -> str:
    return str(item.get("name") or "") if isinstance(item, dict) else ""


def _by_name(items: Any) -> dict[str, Any]:
    return {_name(item): item for item in mappings(items) if _name(item)}


def _type(value: dict[str, Any]) -> tuple[str, str]:
    return str(value.get("apiVersion") or "").rpartition("/")[0], str(value.get("kind") or "")


def _is_manifest(value: Any) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str)
    )


def _holds_data(names: list[str]) -> bool:
    """Whether a field is among the data of a resource that makes Secrets, such as an ExternalSecret's template."""
    for index, name in enumerate(names):
        if name in ("data", "templates", "literal", "literals") and (
            index == 0 or any("template" in earlier.lower() for earlier in names[:index])
        ):
            return True
    return names[:3] == ["spec", "provider", "fake"]


def _is_patch(value: dict[str, Any]) -> bool:
    return bool(value.keys() & {"patch", "jsonOp", "patches"})


def _patches_secret(patch: dict[str, Any]) -> bool:
    """Whether a patch is for Secrets, or may be: its target has no kind, and it writes data."""
    kind = dig(patch, "target", "kind")
    if kind:
        return selects(kind, "Secret")
    texts = [str(patch.get(name) or "") for name in ("patch", "jsonOp")]
    return any(_SECRET_MANIFEST.search(text) or _SECRET_DATA.search(text) for text in texts) and (
        "target" in patch or any(map(_SECRET_MANIFEST.search, texts))
    )


def _selects_secrets(value: Any) -> bool:
    """Whether a policy's selection of resources names Secrets."""
    if isinstance(value, dict):
        kinds = [*strings(value.get("kinds")), *strings(value.get("resources"))]
        kinds += [str(value["kind"])] if isinstance(value.get("kind"), str) else []
        if any(kind.rpartition("/")[2].lower() in ("secret", "secrets") for kind in kinds):
            return True
        return any(_selects_secrets(item) for item in value.values())
    return any(_selects_secrets(item) for item in sequence(value))


def passwords_of(schemas: Iterable[Any]) -> frozenset[str]:
    """The properties that JSON schemas declare to be passwords."""
    return frozenset(name for schema in schemas for name in _passwords(schema))


def _passwords(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _passwords(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        for name, item in properties.items() if isinstance(properties, dict) else ():
            if isinstance(item, dict) and (item.get("format") == "password" or item.get("writeOnly") is True):
                yield str(name)
        for item in schema.values():
            yield from _passwords(item)
