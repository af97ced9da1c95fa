"""Manifests of any shape: what no API server would take is still compared, judged and shown, never a traceback."""

import contextlib
import copy
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.manifests.applications.deployers import deployers
from harness.manifests.applications.generators import Repository
from harness.manifests.edits import edit
from harness.manifests.generated_names import Names
from harness.manifests.resource import Resource
from harness.review.fields import compare
from harness.review.images import replaced
from harness.review.pair import parse
from harness.review.redact import manifest
from harness.review.risks.context import Change
from harness.review.risks.judge import judge

_KINDS = {
    "v1": [
        "ConfigMap",
        "Secret",
        "Service",
        "Namespace",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "Pod",
        "ServiceAccount",
        "ResourceQuota",
        "LimitRange",
    ],
    "apps/v1": ["Deployment", "StatefulSet"],
    "batch/v1": ["Job", "CronJob"],
    "policy/v1": ["PodDisruptionBudget"],
    "networking.k8s.io/v1": ["NetworkPolicy", "Ingress"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
    "storage.k8s.io/v1": ["StorageClass"],
    "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
    "admissionregistration.k8s.io/v1": ["ValidatingWebhookConfiguration"],
    "argoproj.io/v1alpha1": ["Application", "ApplicationSet", "AppProject"],
    "kustomize.toolkit.fluxcd.io/v1": ["Kustomization"],
    "external-secrets.io/v1": ["ExternalSecret"],
}
KINDS = [(api, kind) for api, kinds in _KINDS.items() for kind in kinds]
# fmt: off
NAMES = [
    "name", "metadata", "labels", "annotations", "spec", "template", "containers", "env", "ports", "rules",
    "subjects", "roleRef", "data", "stringData", "type", "source", "sources", "kustomize", "images",
    "generators", "list", "elements", "git", "directories", "syncPolicy", "automated", "replicas", "resources",
    "requests", "limits", "cpu", "volumes", "securityContext", "versions", "ingress", "from", "policyTypes",
    "finalizers", "destination", "selector",
]
# fmt: on
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.sampled_from(["", "x", "1Gi", "a: b", "web:1@sha256:0", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)
SHAPES = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5)


@settings(max_examples=400)
@example(("external-secrets.io/v1", "ExternalSecret"), {"spec": False}, {})
@given(st.sampled_from(KINDS), SHAPES, SHAPES)
def test_any_shape(kind: tuple[str, str], left: dict[str, Any], right: dict[str, Any]) -> None:
    values = [{"apiVersion": kind[0], "kind": kind[1], **shape} for shape in (left, right)]
    before, after = (parse([Resource.of(value, origin="x.yaml")], "app", "there", Names()) for value in values)
    for old, new in [(before[0], after[0]), (before[0], None), (None, after[0])]:
        fields = compare(old.value, new.value) if old and new else None
        change = Change(old, new, fields) if fields else Change(old, new)
        assert all(risk.sentence for risk in judge(change))
    list(replaced(compare(values[0], values[1]), after[0].identity))
    assert manifest(values[0], values[1])
    for resource in values:
        deployers(resource, Repository(["a", "a/b"], ["a/c.json"], lambda _: json.dumps(values)))


@settings(max_examples=200)
@given(SHAPES, SHAPES)
def test_any_options_of_an_application(fields: dict[str, Any], options: dict[str, Any]) -> None:
    edited = copy.deepcopy(fields)
    with contextlib.suppress(ValueError):
        edit(edited, options)
    assert set(fields) <= set(edited)
