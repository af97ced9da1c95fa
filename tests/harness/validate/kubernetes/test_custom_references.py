"""What a custom resource refers to is found from its schema, and has to exist."""

import json
from pathlib import Path
from typing import Any, Final, cast

import pytest

from harness.validate.kubernetes import custom_references
from harness.validate.kubernetes.secrets import Origin
from harness.validate.model import BuiltResource, Environment
from tests.harness.validate.made import made

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
    found = custom_references.check(Environment("north", Path(), [], resources), origins, Path("none"))
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


DEFINED: Final = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: stores.example.org}
spec: {group: example.org, scope: Namespaced, names: {kind: Store}, versions: [{name: v1}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusterstores.example.org}
spec: {group: example.org, scope: Cluster, names: {kind: ClusterStore}, versions: [{name: v1}]}
---
apiVersion: example.org/v1
kind: Store
metadata: {name: aws, namespace: app}
---
apiVersion: example.org/v1
kind: ClusterStore
metadata: {name: all}
---
"""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("storeRef: {kind: Store, name: aws}", ""),
        ("storeRef: {kind: Store, name: awss}", "names Store app/awss, which does not exist: use aws."),
        ("storeRef: {kind: ClusterStore, name: all}", ""),
        ("storeRef: {kind: ClusterStore, name: aws}", "names ClusterStore aws, which does not exist."),
        ("storeRef: {kind: Store, name: aws, namespace: other}", "names Store other/aws, which does not exist."),
        ("more: [{storeRefs: [{kind: Store, name: aws}, {kind: Store, name: b}]}]", "names Store app/b, which"),
        ("storeRef: {apiVersion: example.org/v1, kind: Store, name: b}", "names Store app/b, which"),
        ("storeRef: {apiVersion: apps/v1, kind: Deployment, name: b}", ""),
        ("storeRef: {kind: Unknown, name: b}", ""),
        ("storeRef: {kind: Store, name: b, optional: true}", ""),
        ("store: {kind: Store, name: b}", ""),
    ],
)
def test_a_custom_resource_that_is_named_exists(spec: str, said: str) -> None:
    user = f"apiVersion: example.org/v1\nkind: User\nmetadata: {{name: a, namespace: app}}\nspec: {{{spec}}}\n"
    found = [one.message for one in custom_references.check(made(DEFINED + user), {}, Path("none"))]
    assert len(found) == bool(said)
    assert all(said in message for message in found)


def test_the_references_of_an_operator_of_the_cluster_are_those_of_its_schema(tmp_path: Path) -> None:
    schema = {"properties": {"spec": {"properties": {"auth": {"properties": {"serviceAccountRef": NAMED}}}}}}
    (tmp_path / "external-secrets.io").mkdir()
    (tmp_path / "external-secrets.io" / "secretstore_v1.json").write_text(json.dumps(schema))
    text = """
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: aws, namespace: app}
spec: {auth: {serviceAccountRef: {name: absent}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: login, namespace: app}
spec: {secretStoreRef: {name: awss}}
"""
    found = [(one.rule.id, one.message) for one in custom_references.check(made(text), {}, tmp_path)]
    assert found == [
        ("LH304", "SecretStore app/aws names ServiceAccount app/absent, which nothing creates."),
        ("LH315", "ExternalSecret app/login names SecretStore app/awss, which does not exist: use aws."),
    ]
