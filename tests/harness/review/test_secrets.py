"""Values of Secrets reach no output, in no format, whatever goes wrong."""

import base64
from typing import Any

import pytest

from harness.review.output import FORMATS, render
from harness.review.redact import manifest

pytestmark = pytest.mark.tools

CANARIES = [f"canary{number}value" for number in range(12)]


def _repository(checkout: Any) -> None:
    folder = "overlays/one"
    encoded = [base64.b64encode(canary.encode()).decode() for canary in CANARIES]
    checkout.commit(
        {
            f"{folder}/kustomization.yaml": (
                "resources: [secret.yaml, config.yaml]\n"
                "secretGenerator:\n"
                f"- name: generated\n  literals: [password={CANARIES[0]}, kept=same]\n  envs: [secret.env]\n"
                "  files: [key.txt]\n"
            ),
            f"{folder}/secret.env": f"TOKEN={CANARIES[1]}\n",
            f"{folder}/key.txt": CANARIES[2],
            f"{folder}/secret.yaml": (
                f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\n  annotations:\n"
                f'    kubectl.kubernetes.io/last-applied-configuration: \'{{"data": "{CANARIES[3]}"}}\'\n'
                f"stringData:\n  a: {CANARIES[4]}\ndata:\n  b: {encoded[5]}\n"
            ),
            f"{folder}/config.yaml": (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: holder}\ndata:\n"
                f"  secret.yaml: |\n    apiVersion: v1\n    kind: Secret\n    stringData:\n      c: {CANARIES[6]}\n"
            ),
        }
    )


def _assert_clean(review: Any) -> None:
    outputs = [repr(review)] + [render(review, form) for form in FORMATS]
    for canary in CANARIES:
        for needle in (canary, base64.b64encode(canary.encode()).decode()):
            for text in outputs:
                assert needle not in text


def test_changed_values_are_named_by_their_keys(checkout: Any) -> None:
    _repository(checkout)
    folder = checkout.root / "overlays/one"
    for name in ("kustomization.yaml", "secret.env", "key.txt", "secret.yaml", "config.yaml"):
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in zip(CANARIES[:6], CANARIES[6:], strict=True):
            pairs = [(old, new), *[tuple(base64.b64encode(x.encode()).decode() for x in (old, new))]]
            for before, after in pairs:
                text = text.replace(before, after)
        (folder / name).write_text(text, encoding="utf-8")
    review = checkout.review()
    _assert_clean(review)
    paths = {(str(resource.identity), field.path) for *_, resource in review.walk() for field in resource.fields}
    assert paths == {
        ("Secret generated", "data.password"),
        ("Secret generated", "data.TOKEN"),
        ("Secret generated", 'data["key.txt"]'),
        ("Secret plain", 'metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]'),
        ("Secret plain", "stringData.a"),
        ("Secret plain", "data.b"),
    }
    assert {risk.rule for *_, risk in review.risks} >= {"DF801"}


def test_added_and_removed_secrets(checkout: Any) -> None:
    _repository(checkout)
    first = checkout.git("rev-parse", "HEAD")
    checkout.commit({"overlays/one/kustomization.yaml": "resources: []\nconfigMapGenerator: [{name: x}]\n"})
    for base, head in ((first, "HEAD"), ("HEAD", first)):
        review = checkout.review(base, head, direct=True)
        assert review.totals.resources == 4
        _assert_clean(review)


@pytest.mark.parametrize(
    "broken",
    [
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: [{canary}\n",
        "apiVersion: v1\nkind: Secret\nstringData:\n  a: {canary}\n",
        "- kind: Secret\n- {canary}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {canary}\n",
        "kind: Secret\nstringData: {a: {canary}, a: {canary}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {canary}\n",
    ],
)
def test_errors(checkout: Any, broken: str) -> None:
    _repository(checkout)
    checkout.write({"overlays/one/secret.yaml": broken.replace("{canary}", CANARIES[0])})
    review = checkout.review()
    assert review.problems or review.totals.resources
    _assert_clean(review)


@pytest.mark.parametrize(
    "generator", ["literals: [{}]", "literals: {}", "literals: [=x{}]", "behavior: {}", "type: [{}]"]
)
def test_errors_of_generators(checkout: Any, generator: str) -> None:
    _repository(checkout)
    canary = CANARIES[0]
    text = f"secretGenerator:\n- name: x\n  {generator.format(canary)}\n"
    checkout.write({"overlays/one/kustomization.yaml": text})
    _assert_clean(checkout.review())


def test_a_manifest_shows_that_a_value_changed_and_not_which(checkout: Any) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": CANARIES[0], "b": "x"}}
    other = {"apiVersion": "v1", "kind": "Secret", "data": {"a": CANARIES[1], "b": "x"}}
    text = manifest(secret, other)
    assert "a: <redacted, changed>" in text
    assert "b: <redacted>" in text
