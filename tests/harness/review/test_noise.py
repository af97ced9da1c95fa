"""What changes nothing, or is the same as something else, is no risk and is said once."""

import json
from typing import Any

import pytest
import yaml

from harness.review.output import render
from harness.review.output.groups import entries, risk_groups
from tests.harness.review.test_risks import EXTERNAL, STATEFUL, edited, rules
from tests.harness.review.test_store_risks import custom

ROUTE = custom("HTTPRoute", "{parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}")
ROUTE["apiVersion"] = "gateway.networking.k8s.io/v1"
HOOK = yaml.safe_load(
    "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: w}\n"
    "webhooks: [{name: a, rules: [{operations: [CREATE]}]}]\n"
)
SERVICE = yaml.safe_load(
    "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {a: b}, ports: [{name: h, port: 80}]}\n"
)
CRON = yaml.safe_load("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '@daily'}\n")


@pytest.mark.parametrize(
    ("before", "edits"),
    [
        (EXTERNAL, [(("spec", "data", 0, "remoteRef", "conversionStrategy"), "Default")]),
        (EXTERNAL, [(("spec", "target"), {"creationPolicy": "Owner", "deletionPolicy": "Retain"})]),
        (EXTERNAL, [(("spec", "refreshInterval"), "1h")]),
        (ROUTE, [(("spec", "parentRefs", 0, "kind"), "Gateway")]),
        (ROUTE, [(("spec", "rules", 0, "backendRefs", 0, "weight"), 1)]),
        (HOOK, [(("webhooks", 0, "failurePolicy"), "Fail"), (("webhooks", 0, "timeoutSeconds"), 10)]),
        (HOOK, [(("webhooks", 0, "rules", 0, "scope"), "*"), (("webhooks", 0, "objectSelector"), {})]),
        (SERVICE, [(("spec", "ports", 0, "protocol"), "TCP"), (("spec", "type"), "ClusterIP")]),
        (STATEFUL, [(("spec", "podManagementPolicy"), "OrderedReady")]),
        (STATEFUL, [(("spec", "volumeClaimTemplates", 0, "spec", "volumeMode"), "Filesystem")]),
        (CRON, [(("spec", "concurrencyPolicy"), "Allow"), (("spec", "suspend"), False)]),
    ],
)
def test_a_default_that_is_written_out_is_no_risk(before: Any, edits: Any) -> None:
    old, new = edited(before), edited(before, *edits)
    assert rules(old, new) == set()
    assert rules(new, old) == set()


@pytest.mark.parametrize(
    ("before", "path", "value", "rule"),
    [
        (EXTERNAL, ("spec", "data", 0, "remoteRef", "conversionStrategy"), "Unicode", "DF803"),
        (HOOK, ("webhooks", 0, "failurePolicy"), "Ignore", "DF213"),
        (ROUTE, ("spec", "rules", 0, "backendRefs", 0, "weight"), 0, "DF703"),
        (STATEFUL, ("spec", "podManagementPolicy"), "Parallel", "DF104"),
        (CRON, ("spec", "suspend"), True, "DF312"),
    ],
)
def test_another_value_is_a_risk(before: Any, path: Any, value: Any, rule: str) -> None:
    assert rules(edited(before), edited(before, (path, value))) == {rule}


DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties: {spec: {properties: {deletionPolicy: {type: string, default: Delete}}}}
"""
THING = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec: {x: 1}\n"


@pytest.mark.tools
@pytest.mark.parametrize(("resources", "expected"), [("[crd.yaml, a.yaml]", set()), ("[a.yaml]", {"DF109"})])
def test_the_defaults_of_a_definition_in_the_repository(checkout: Any, resources: str, expected: set[str]) -> None:
    folder = "overlays/one"
    files = {"kustomization.yaml": f"resources: {resources}\n", "crd.yaml": DEFINITION, "a.yaml": THING}
    checkout.commit({f"{folder}/{name}": text for name, text in files.items()})
    checkout.write({f"{folder}/a.yaml": THING.replace("x: 1", "x: 1, deletionPolicy: Delete")})
    review = checkout.review()
    assert [field.path for *_, resource in review.walk() for field in resource.fields] == ["spec.deletionPolicy"]
    assert {risk.rule for *_, risk in review.risks} == expected


WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    "spec: {template: {spec: {containers: [CONTAINERS]}}}\n"
)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("{name: a, image: 'i:1'}", "{name: b, image: 'i:2'}", {("i:1", "i:2")}),
        ("{name: a, image: 'i:1'}", "{name: b, image: 'j:2'}", {("i:1", "j:2")}),
        ("{name: a, image: 'i:1'}", "{name: b, image: 'i:1'}", set()),
        (
            "{name: a, image: 'i:1'}, {name: x, image: 'k:1'}",
            "{name: b, image: 'k:2'}, {name: c, image: 'i:2'}",
            {("i:1", "i:2"), ("k:1", "k:2")},
        ),
        ("{name: a, image: 'i:1'}", "{name: a, image: 'i:1'}, {name: s, image: 's:1'}", {("", "s:1")}),
    ],
)
def test_an_image_of_a_workload_is_replaced(checkout: Any, before: str, after: str, expected: Any) -> None:
    folder = "overlays/one"
    checkout.commit(
        {
            f"{folder}/kustomization.yaml": "resources: [a.yaml]\n",
            f"{folder}/a.yaml": WEB.replace("CONTAINERS", before),
        }
    )
    checkout.write({f"{folder}/a.yaml": WEB.replace("CONTAINERS", after)})
    (environment,) = checkout.review().environments
    assert {(image.before, image.after) for image in environment.images} == expected


@pytest.mark.tools
def test_the_same_change_in_environments_with_other_names_is_said_once(checkout: Any) -> None:
    names = ["dev", "staging", "prod"]

    def files(image: str) -> dict[str, str]:
        base = {"base/kustomization.yaml": "resources: [a.yaml]\n"}
        base["base/a.yaml"] = WEB.replace("CONTAINERS", f"{{name: c, image: '{image}'}}")
        return base | {
            f"overlays/{name}/kustomization.yaml": f"namespace: web-{name}\nresources: [../../base]\n"
            for name in names
        }

    checkout.commit(files("i:2"))
    checkout.write(files("i:1"))
    review = checkout.review()
    assert review.totals.changed == 3
    assert [entry.same_as for entry in entries(review)] == ["", "dev", "dev"]
    assert all(set(group.environments) == set(names) for group in risk_groups(review))
    results = json.loads(render(review, "sarif"))["runs"][0]["results"]
    places = [(one["ruleId"], json.dumps(one["locations"])) for one in results]
    assert len(places) == len(set(places))
