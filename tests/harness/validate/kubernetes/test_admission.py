"""Webhooks and admission policies are called for resources that exist."""

import pytest

from harness.manifests.cluster import Cluster
from harness.validate.kubernetes.admission import check
from tests.harness.validate.made import made

WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: a}
webhooks:
  - name: b
    rules: [{apiGroups: %s, apiVersions: ["*"], operations: ["*"], resources: %s}]
"""
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: a}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: %s, apiVersions: ["*"], operations: ["*"], resources: %s}]
"""


@pytest.mark.parametrize("manifest", [WEBHOOK, POLICY])
@pytest.mark.parametrize(
    ("groups", "resources", "said"),
    [
        ("[apps]", "[deployments, deployments/scale]", ""),
        ('["*"]', '["*"]', ""),
        ('[""]', '["pods/*", "*/status"]', ""),
        ("[apps, batch]", "[jobs]", ""),
        ("[apps]", "[deployment]", "is called for deployment, which apps does not have: use deployments"),
        ('[""]', "[Pod]", "is called for Pod, which the core group does not have: use pods"),
        ("[app]", "[deployments]", "is called for the API group app, which does not exist: use apps"),
    ],
)
def test_a_rule(manifest: str, groups: str, resources: str, said: str) -> None:
    found = list(check(made(manifest % (groups, resources)), Cluster()))
    assert [said in violation.message for violation in found] == ([True] if said else [])
    assert all(violation.path[-1] in ("apiGroups", "resources") for violation in found)
