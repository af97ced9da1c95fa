"""JSON values of manifests: looking into them whatever they are, and comparing them."""

import json
from collections.abc import Iterable
from typing import Any

from harness.manifests.kubernetes_yaml import Step


def dig(value: Any, *path: Step) -> Any:
    """The value at a path, or None where there is none."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def dig_named(value: Any, path: Iterable[Step]) -> Any:
    """The value at a path in which a text stands for the item of a list with that `name`."""
    for step in path:
        is_name = isinstance(value, list) and isinstance(step, str)
        value = next((item for item in value if dig(item, "name") == step), None) if is_name else dig(value, step)
    return value


def pointer_steps(pointer: str) -> list[str]:
    """The steps of a JSON Pointer (RFC 6901).

    >>> pointer_steps("/metadata/annotations/a~1b")
    ['metadata', 'annotations', 'a/b']
    """
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.strip("/").split("/")]


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; none when it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def sequence(value: Any) -> list[Any]:
    """A list; empty when it is none."""
    return value if isinstance(value, list) else []


def string_map(value: Any) -> dict[str, str]:
    """A mapping of texts; empty when it is no mapping."""
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def strings(value: Any) -> list[str]:
    """The items of a list as texts; none when it is not a list."""
    return [str(item) for item in sequence(value)]


def mapping(value: Any) -> dict[str, Any]:
    """A mapping; empty when it is none."""
    return value if isinstance(value, dict) else {}


def canonical(value: Any) -> str:
    """A text that two values share if and only if they are the same JSON, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON: unlike for Python, true is not 1, and 1 is not 1.0."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, dict | list):
        return (left == right or left != left) and canonical(left) == canonical(right)
    return bool(left == right) or canonical(left) == canonical(right)
