"""What a custom resource refers to is found from its schema, and has to exist."""

from pathlib import Path
from typing import Any, Final, cast

import pytest

from harness.validate import custom_references
from harness.validate.model import BuiltResource, Environment
from harness.validate.secrets import Origin

TEXT: Final = {"type": "string"}
NAMED: Final = {"type": "object", "properties": {"name": TEXT, "key": TEXT}}
SPEC: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "sparkConfigMap": TEXT,
        "configMaps": {"type": "array", "items": NAMED},
        "secrets": {"type": "array", "items": NAMED},
        "auth": {"type": "object", "properties": {"passwordSecretRef": NAMED, "secretKeyRef": NAMED}},
        "workers": {"type": "array", "items": {"type": "object", "properties": {"serviceAccountName": TEXT}}},
        "storage": {"type": "object", "properties": {"persistentVolumeClaim": NAMED}},
        "secretName": TEXT,
        "title": TEXT,
    },
}
CRD: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.org"},
    "spec": {
        "group": "example.org",
        "names": {"kind": "Thing"},
        "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"spec": SPEC}}}}],
    },
}


def messages(spec: dict[str, Any]) -> list[tuple[str, str]]:
    metadata = {"name": "a", "namespace": "app"}
    values = [
        CRD,
        {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "there", "namespace": "app"}},
    ]
    resources = [BuiltResource.of(value, build=cast(Any, None)) for value in values]
    origin = Origin(None, None)
    origins = {(kind, "app", "there"): origin for kind in ("ConfigMap", "Secret")}
    found = custom_references.check(Environment("north", Path(), [], resources), origins)
    return [(violation.rule.id, violation.message) for violation in found]


@pytest.mark.parametrize(
    ("spec", "rule", "kind"),
    [
        ({"sparkConfigMap": "absent"}, "LH301", "ConfigMap"),
        ({"configMaps": [{"name": "there"}, {"name": "absent"}]}, "LH301", "ConfigMap"),
        ({"secrets": [{"name": "absent"}]}, "LH303", "Secret"),
        ({"auth": {"passwordSecretRef": {"name": "absent", "key": "a"}}}, "LH303", "Secret"),
        ({"auth": {"secretKeyRef": {"name": "absent", "key": "a"}}}, "LH303", "Secret"),
        ({"workers": [{"serviceAccountName": "absent"}]}, "LH304", "ServiceAccount"),
        ({"storage": {"persistentVolumeClaim": {"claimName": "absent"}}}, "LH305", "PersistentVolumeClaim"),
    ],
)
def test_a_reference_to_nothing(spec: dict[str, Any], rule: str, kind: str) -> None:
    assert messages(spec) == [(rule, f"Thing app/a names {kind} app/absent, which nothing creates.")]


@pytest.mark.parametrize(
    "spec",
    [
        {"sparkConfigMap": "there", "secrets": [{"name": "there"}], "workers": [{"serviceAccountName": "there"}]},
        {"auth": {"secretKeyRef": {"name": "absent", "optional": True}}},
        {"auth": {"secretKeyRef": {"name": "absent", "namespace": "elsewhere"}}},
        {"secretName": "made", "title": "absent"},
        {"unknown": {"configMap": "absent"}},
    ],
)
def test_what_exists_or_is_no_reference(spec: dict[str, Any]) -> None:
    assert messages(spec) == []
