"""Texts inside resources, parsed once for all rules that read on: `texts` reports what cannot be parsed."""

import json
from functools import lru_cache
from typing import Any

from harness.manifests.kubernetes_yaml import Step, YamlError, load, parse


@lru_cache(maxsize=1_000)
def yaml_documents(text: str) -> list[Any]:
    """The documents of a YAML text; none of one that is not YAML."""
    try:
        return load(text)
    except YamlError:
        return []


@lru_cache(maxsize=1_000)
def json_value(text: str) -> Any:
    """The value of a JSON text; None for one that is not JSON, or nested beyond what can be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def json_line(text: str, path: tuple[Step, ...]) -> int | None:
    """The line of a field, or of the deepest part of its path that there is; None where the text cannot be read."""
    try:
        return next((document.locate(path)[0] for document in parse(text)), None)
    except YamlError:
        return None
