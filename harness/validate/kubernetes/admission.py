"""Admission: what is called for the requests of others is called for resources that exist."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.cluster import Cluster
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.access import without_effect
from harness.validate.kubernetes.api_resources import resources
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH726: Final = ValidationRule(
    "LH726",
    "The rules of webhooks and admission policies are for resources that exist",
    "It is never called, and says nothing.",
    is_about_absence=True,
    provided_by=frozenset({"CustomResourceDefinition"}),
)

_WEBHOOKS: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_POLICIES: Final = ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")


def check(environment: Environment, cluster: Cluster) -> Iterator[Violation]:
    """Finds rules that are about nothing."""
    rules = [
        (resource, path, rule)
        for resource in environment.of_kind(*_WEBHOOKS, *_POLICIES)
        for path, rule in _rules(resource)
    ]
    if not rules:
        return
    groups = {group for _, _, rule in rules for group in strings(rule.get("apiGroups"))}
    crds = [crd.value for crd in environment.of_kind("CustomResourceDefinition")]
    known = resources(crds, groups)
    for resource, path, rule in rules:
        asked = {field: rule.get(field) for field in ("apiGroups", "resources")}
        for field, said in without_effect(asked, known, cluster, everywhere=True, does="is called for"):
            yield Violation(LH726, f"{resource} {said}.", resource, (*path, field))


def _rules(resource: BuiltResource) -> Iterator[tuple[FieldPath, dict[str, Any]]]:
    for webhook in mappings(resource.value.get("webhooks")):
        for index, rule in enumerate(mappings(webhook.get("rules"))):
            yield ("webhooks", str(webhook.get("name")), "rules", index), rule
    matched: FieldPath = ("spec", "matchConstraints", "resourceRules")
    for index, rule in enumerate(mappings(dig(resource.value, *matched))):
        yield (*matched, index), rule
