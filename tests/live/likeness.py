"""Whether an object in a cluster is what was written down. Pure."""

from collections.abc import Iterator
from typing import Any, Final

Object = dict[str, Any]

_SERVERS_OWN: Final = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
"""Of an object's metadata: what the API server writes at each change."""


def identity(resource: Object) -> tuple[str, str, str]:
    """Kind, namespace ("" for what has none) and name."""
    metadata = resource["metadata"]
    return str(resource["kind"]), str(metadata.get("namespace", "")), str(metadata["name"])


def differences(one: Object, other: Object) -> list[str]:
    """Where two versions of an object differ; their states and the API server's own notes do not count."""
    return sorted(_paths(_own(one), _own(other), ""))


def _own(resource: Object) -> Object:
    kept = {key: value for key, value in resource.items() if key != "status"}
    metadata = resource.get("metadata") or {}
    return kept | {"metadata": {key: value for key, value in metadata.items() if key not in _SERVERS_OWN}}


def _paths(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _paths(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _paths(left, right, f"{path}[{place}]")
    elif one != other:
        yield path
