"""Customizations of Argo CD: of kinds that there are, and with statuses that it knows."""

import pytest

from harness.validate.argocd import lua
from tests.harness.validate.made import made

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec: {group: example.org, scope: Namespaced, names: {kind: Thing}, versions: [{name: v1}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: cicd}
data:
"""


def messages(key: str, script: str = "return {}") -> list[str]:
    data = f"  resource.customizations.health.{key}: |\n    {script}\n"
    return [violation.message for violation in lua.check(made(CRD + data))]


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("example.org_Thing", False), ("example.org_Thign", True), ("other.org_Thign", False), ("apps_Deploy", False)],
)
def test_a_customization_is_of_a_kind_that_there_is(key: str, wrong: bool) -> None:
    assert [message.rpartition(": ")[2] for message in messages(key)] == ["use Thing."] * wrong


@pytest.mark.parametrize(
    ("script", "close"),
    [
        ('hs.status = "Helthy"', "Healthy"),
        ("hs = {status = 'Progresing'}", "Progressing"),
        ('hs.status = "Healthy"', ""),
        ('if obj.status.phase == "Helthy" then end', ""),
        ('obj.status = "Entirely another"', ""),
    ],
)
def test_a_health_check_gives_statuses_that_argo_cd_knows(script: str, close: str) -> None:
    found = messages("example.org_Thing", script)
    assert [message.rpartition(", ")[2] for message in found] == ([f"line 1: use {close}."] if close else [])
