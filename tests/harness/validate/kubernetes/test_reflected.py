"""What Reflector copies exists, and permits it."""

import pytest

from harness.manifests.catalogue import Catalogue, Reflector
from harness.validate.kubernetes.reflected import check
from harness.validate.kubernetes.secrets import origins
from tests.harness.validate.made import made

PREFIX = "reflector.v1.k8s.emberstack.com"
TEXT = """
apiVersion: v1
kind: Namespace
metadata: {name: to}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: original
  namespace: from
  annotations: {%s}
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: copy, namespace: to, annotations: {PREFIX/reflects: %s}}
"""


def messages(annotations: str, reflects: str) -> list[str]:
    environment = made((TEXT % (annotations, reflects)).replace("PREFIX", PREFIX))
    return [
        violation.message
        for violation in check(environment, origins(environment, Catalogue(Reflector("", "", ""), ())))
    ]


ALLOWED = 'PREFIX/reflection-allowed: "true"'


@pytest.mark.parametrize(
    ("annotations", "reflects", "said"),
    [
        (ALLOWED, "from/original", ""),
        (f"{ALLOWED}, PREFIX/reflection-allowed-namespaces: 'to, from'", "from/original", ""),
        (f"{ALLOWED}, PREFIX/reflection-allowed-namespaces: 't.*'", "from/original", ""),
        (ALLOWED, "from/orignal", "copy of ConfigMap from/orignal, which nothing creates."),
        (f"{ALLOWED}, PREFIX/reflection-allowed-namespaces: from", "from/original", "which permits none in to."),
        ("PREFIX/reflection-allowed: 'false'", "from/original", "which permits none in to."),
        (
            f"{ALLOWED}, PREFIX/reflection-auto-namespaces: 'to, too'",
            "from/original",
            "to too, a namespace that does",
        ),
    ],
)
def test_a_copy(annotations: str, reflects: str, said: str) -> None:
    found = messages(annotations, reflects)
    assert [said in message for message in found] == ([True] if said else [])
