"""Fields that only write out what holds without them: the defaults of Kubernetes and of custom resources."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from harness.manifests.values import canonical, dig, mapping
from harness.review.fieldpath import FieldPath
from harness.review.fields import Fields
from harness.review.lists import BUILT_IN
from harness.review.model import FieldChange, FieldKind
from harness.review.risks.context import Change

_COMMON: Final[Mapping[str, tuple[Any, ...]]] = {
    "protocol": ("TCP",),
    "volumeMode": ("Filesystem",),
    "podManagementPolicy": ("OrderedReady",),
    "sessionAffinity": ("None",),
    "internalTrafficPolicy": ("Cluster",),
    "externalTrafficPolicy": ("Cluster",),
    "type": ("ClusterIP", "RollingUpdate", "Opaque"),
    "concurrencyPolicy": ("Allow",),
    "suspend": (False,),
    "immutable": (False,),
    "partition": (0,),
    "status": ({},),
}
"""Defaults of Kubernetes' own types, where a rule looks."""
_OF_GROUPS: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "external-secrets.io": {
        "conversionStrategy": ("Default",),
        "creationPolicy": ("Owner",),
        "decodingStrategy": ("None",),
        "deletionPolicy": ("Retain",),
        "engineVersion": ("v2",),
        "kind": ("SecretStore",),
        "mergePolicy": ("Replace",),
        "metadataPolicy": ("None",),
        "nullBytePolicy": ("Ignore",),
        "refreshInterval": ("1h", "1h0m0s"),
    },
    "gateway.networking.k8s.io": {
        "group": ("", "gateway.networking.k8s.io"),
        "kind": ("Gateway", "Service", "Secret"),
        "weight": (1,),
        "type": ("PathPrefix", "Exact"),
        "value": ("/",),
        "mode": ("Terminate",),
        "from": ("Same",),
    },
    "admissionregistration.k8s.io": {
        "failurePolicy": ("Fail",),
        "matchPolicy": ("Equivalent",),
        "namespaceSelector": ({},),
        "objectSelector": ({},),
        "reinvocationPolicy": ("Never",),
        "scope": ("*",),
        "timeoutSeconds": (10,),
    },
    "cert-manager.io": {"group": ("cert-manager.io",), "kind": ("Issuer",)},
}
"""Defaults of groups whose definitions are seldom in the repository."""


def without_defaults(change: Change) -> Change:
    """The change without the fields that only write out a default, or no longer do."""
    kept = [
        (field, path)
        for field, path in zip(change.fields.changes, change.fields.paths, strict=True)
        if not _is_default(change, field, path)
    ]
    if len(kept) == len(change.fields.changes):
        return change
    fields = Fields(
        [field for field, _ in kept],
        [path for _, path in kept],
        change.fields.folded,
        change.fields.folded_paths,
    )
    return replace(change, fields=fields)


def _is_default(change: Change, field: FieldChange, path: FieldPath) -> bool:
    if field.kind not in (FieldKind.ADDED, FieldKind.REMOVED) or field.secret or not path or path[0] == "metadata":
        return False
    value = field.after if field.kind is FieldKind.ADDED else field.before
    return isinstance(path[-1], str) and _holds(change, value, path)


def _holds(change: Change, value: Any, path: FieldPath) -> bool:
    """Whether a value is the default at its place; a mapping is if all of it is."""
    name, group = str(path[-1]), change.resource.group
    known = _OF_GROUPS.get(group, {}).get(name)
    if known is None and group in BUILT_IN:
        known = _COMMON.get(name)
    if known is None:
        schema = _schema_at(change.neighbours.schema(change.new), path)
        known = (schema["default"],) if "default" in schema else ()
    if any(canonical(value) == canonical(default) for default in known):
        return True
    return (
        isinstance(value, dict)
        and bool(value)
        and all(_holds(change, item, (*path, key)) for key, item in value.items())
    )


def _schema_at(schema: dict[str, Any], path: FieldPath) -> dict[str, Any]:
    for step in path:
        if isinstance(step, str):
            schema = mapping(dig(schema, "properties", step) or schema.get("additionalProperties"))
        else:
            schema = mapping(schema.get("items"))
    return schema
