"""Keeps the values of Secrets out of the manifests that are shown."""

from typing import Any

from harness.manifests.values import same
from harness.review.fields import holds_secret, is_secret_field
from harness.review.model import REDACTED, REDACTED_CHANGED
from harness.review.yaml_text import yaml_text


def manifest(value: dict[str, Any], other: dict[str, Any] | None = None) -> str:
    """A manifest as YAML, without the values of Secrets; a value that differs in `other` is marked as changed."""
    group = str(value.get("apiVersion") or "").rpartition("/")[0]
    shown = _redacted(value, other, group, str(value.get("kind") or ""), ())
    return yaml_text(shown)


def _redacted(value: Any, other: Any, group: str, kind: str, path: tuple[str, ...]) -> Any:
    # The keys of a mapping of secrets are shown.
    keys = isinstance(value, dict) and path and path[-1] in ("data", "stringData", "encryptedData")
    if (is_secret_field(group, kind, path) and not keys) or (
        path and not isinstance(value, dict | list) and holds_secret(value)
    ):
        return REDACTED if other is None or same(value, other) else REDACTED_CHANGED
    if isinstance(value, dict):
        if path and holds_secret({key: item for key, item in value.items() if not isinstance(item, dict | list)}):
            group, kind, path = "", "Secret", ()
        if path and value.get("kind") == "Secret":
            group, kind, path = "", "Secret", ()
        below = other if isinstance(other, dict) else {}
        return {key: _redacted(item, below.get(key), group, kind, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, None, group, kind, (*path, "")) for item in value]
    return value
