"""Manifests as they are shown, without the values of secrets."""

from typing import Any

from harness.review.secrecy import Scope
from harness.review.yaml_text import yaml_text


def manifest(
    value: dict[str, Any], other: dict[str, Any] | None = None, passwords: frozenset[str] = frozenset()
) -> str:
    """A manifest as YAML, without the values of secrets; a value that differs in `other` is marked as changed."""
    return yaml_text(Scope.of(value, passwords).shown(value, (), other))
