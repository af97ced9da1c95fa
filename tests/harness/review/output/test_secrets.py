"""No format tells a secret's value."""

import base64
import secrets
from typing import Any

import pytest

from harness.review.model import Review
from harness.review.output import FORMATS, render


@pytest.mark.parametrize("form", FORMATS)
def test_a_review_that_has_a_secret_by_mistake_does_not_tell_it(form: str, canary: tuple[str, Review]) -> None:
    value, review = canary
    assert value in repr(review)
    text = render(review, form)
    assert "Secret a/b" in text
    assert value not in text


def manifest(name: str, **values: str) -> str:
    data = "".join(f"  {key}: {base64.b64encode(value.encode()).decode()}\n" for key, value in values.items())
    texts = "".join(f"  plain-{key}: {value}\n" for key, value in values.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ndata:\n{data}stringData:\n{texts}"


@pytest.mark.tools
@pytest.mark.parametrize("form", FORMATS)
def test_a_change_of_secrets_is_seen_and_not_told(form: str, checkout: Any) -> None:
    """From the manifests to the page: changed, added, removed, generated, and drifted apart."""
    values = {
        name: secrets.token_hex(12) for name in ("old", "new", "added", "removed", "generated", "regenerated")
    }
    overlay = {
        "kustomization.yaml": "resources: [changed.yaml, removed.yaml]\n"
        f"secretGenerator: [{{name: made, literals: [key={values['generated']}]}}]\n",
        "changed.yaml": manifest("changed", password=values["old"]),
        "removed.yaml": manifest("removed", password=values["removed"]),
    }
    files = {f"overlays/{name}/{file}": text for name in ("one", "two") for file, text in overlay.items()}
    checkout.commit(files)
    checkout.write(
        {
            "overlays/one/kustomization.yaml": overlay["kustomization.yaml"]
            .replace("removed.yaml", "added.yaml")
            .replace(values["generated"], values["regenerated"]),
            "overlays/one/changed.yaml": manifest("changed", password=values["new"], more=values["new"]),
            "overlays/one/added.yaml": manifest("added", password=values["added"]),
            "overlays/one/removed.yaml": None,
        }
    )
    review = checkout.review(compared=("one", "two"))
    names = {resource.identity.name for _, _, resource in review.walk()}
    assert {"changed", "added", "removed", "made"} <= names
    text = render(review, form)
    assert "changed" in text
    for value in values.values():
        for told in (value, base64.b64encode(value.encode()).decode()):
            assert told not in text
