"""Parity of two environments: drift and what is declared, and what a change makes of it."""

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import Parity
from harness.review.review import parity_at

pytestmark = pytest.mark.tools

BASE = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  template: {spec: {containers: [{name: web, image: web, args: [a]}]}}
"""
OVERLAY = "resources: [../../base]\nconfigMapGenerator: [{name: c, literals: [k=v]}]\n"


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.commit(
        {
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": BASE,
            "overlays/one/kustomization.yaml": OVERLAY,
            "overlays/two/kustomization.yaml": f"{OVERLAY}images: [{{name: web, newTag: '2'}}]\n"
            "replicas: [{name: web, count: 3}]\n",
        }
    )
    return checkout


def patch(*operations: str) -> str:
    lines = "".join(f"      - {operation}\n" for operation in operations)
    return f"{OVERLAY}patches:\n  - target: {{kind: Deployment}}\n    patch: |-\n{lines}"


ARGS = "{op: replace, path: /spec/template/spec/containers/0/args, value: [b]}"
TTY = "{op: add, path: /spec/template/spec/containers/0/tty, value: true}"


def drift(parity: Parity) -> list[tuple[str, str]]:
    return [(item.path, item.status) for item in parity.drift]


def test_what_differs_by_nature_is_expected_with_its_reason(repo: Any) -> None:
    (parity,) = parity_at(repo.root, "HEAD", "one", "two").parity
    assert {item.path for item in parity.differences} == {
        "spec.replicas",
        "spec.template.spec.containers[name=web].image",
    }
    assert all(item.reason for item in parity.differences)
    assert (parity.before, parity.after) == (None, 0)
    assert parity.sentence == "one and two differ only as declared"


def test_drift_is_the_rest_and_a_change_of_it_is_said(repo: Any) -> None:
    repo.commit({"overlays/one/kustomization.yaml": patch(ARGS)})
    repo.write({"overlays/one/kustomization.yaml": patch(ARGS, TTY)})
    (parity,) = repo.review(compared=("one", "two")).parity
    args, tty = (f"spec.template.spec.containers[name=web].{name}" for name in ("args[0]", "tty"))
    assert sorted(drift(parity)) == [(args, "same"), (tty, "new")]
    assert parity.sentence == "one and two drift apart: 2 undeclared differences, 1 before"
    repo.write({"overlays/one/kustomization.yaml": OVERLAY})
    (parity,) = repo.review(compared=("one", "two")).parity
    assert (parity.before, parity.after, drift(parity)) == (1, 0, [])
    assert [item.status for item in parity.differences if not item.reason] == ["gone"]


def test_a_plain_review_mentions_new_drift_and_nothing_else(repo: Any) -> None:
    repo.write({"base/web.yaml": BASE.replace("[a]", "[z]")})
    assert repo.review().parity == ()
    repo.write({"overlays/one/kustomization.yaml": patch(TTY)})
    (parity,) = repo.review().parity
    assert drift(parity) == [("spec.template.spec.containers[name=web].tty", "new")]


def test_a_resource_that_one_environment_lacks_is_drift(repo: Any) -> None:
    repo.write(
        {"overlays/one/kustomization.yaml": f"{OVERLAY}secretGenerator: [{{name: s, literals: [k=canary1]}}]\n"}
    )
    review = parity_at(repo.root, "", "one", "two")
    (item,) = review.parity[0].drift
    assert (str(item.identity), item.path, item.right) == ("Secret s", "", None)
    assert "canary1" not in repr(review)


def test_differences_can_be_declared(repo: Any) -> None:
    table = '[[tool.harness.diff.parity]]\npath = "*.args*"\nkind = "Deploy*"\nreason = "One says b."\n'
    repo.write({"overlays/one/kustomization.yaml": patch(ARGS), "pyproject.toml": table})
    (parity,) = parity_at(repo.root, "", "one", "two").parity
    assert parity.drift == []
    assert "One says b." in {item.reason for item in parity.differences}


def test_exemptions_of_the_validation_count_as_declared(repo: Any) -> None:
    exemption = "- {rule: LH602, kind: Deployment, name: web, contains: args, reason: Because.}\n"
    repo.write({"overlays/one/kustomization.yaml": patch(ARGS, TTY), "overlays/one/exemptions.yaml": exemption})
    (parity,) = parity_at(repo.root, "", "one", "two").parity
    assert [path for path, _ in drift(parity)] == ["spec.template.spec.containers[name=web].tty"]


def test_an_exemption_of_another_environment_counts_for_no_other(repo: Any) -> None:
    exemption = "- {rule: LH602, kind: Deployment, name: web, reason: Because.}\n"
    repo.write({"overlays/one/kustomization.yaml": patch(TTY), "overlays/three/exemptions.yaml": exemption})
    (parity,) = parity_at(repo.root, "", "one", "two").parity
    assert [path for path, _ in drift(parity)] == ["spec.template.spec.containers[name=web].tty"]


def test_a_plain_review_compares_with_the_reference_environment_alone(repo: Any) -> None:
    repo.commit({"overlays/three/kustomization.yaml": OVERLAY})
    repo.write({f"overlays/{name}/kustomization.yaml": patch(TTY) for name in ("one", "two", "three")})
    repo.write({"overlays/one/kustomization.yaml": patch(ARGS)})
    assert {(item.left, item.right) for item in repo.review().parity} == {("one", "three"), ("one", "two")}
    repo.write({"pyproject.toml": '[tool.harness]\nreference-environment = "two"\n'})
    assert {(item.left, item.right) for item in repo.review().parity} == {("two", "one")}


def test_the_command_takes_a_ref_or_the_working_tree(repo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write({"overlays/one/kustomization.yaml": patch(TTY)})
    diff(parity=("one", "two"), at="HEAD", root=repo.root)
    assert "one and two differ only as declared" in capsys.readouterr().out
    diff(parity=("one", "two"), root=repo.root)
    assert "1 undeclared difference" in capsys.readouterr().out
    with pytest.raises(HarnessError, match="no environment 'three'"):
        diff(parity=("one", "three"), root=repo.root)
