"""Remote bases that are not at hand: named, and what the repository itself says is compared as it is written."""

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import Review
from harness.review.output import FORMATS, render

pytestmark = pytest.mark.tools

URL = "https://git.example.com:8443/a/b//c?ref=v1.0.0"
ROOT = "overlays/prod/kustomization.yaml"
PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: %d}\n"
OTHER = {"overlays/dev/kustomization.yaml": "resources: [web.yaml]\n", "overlays/dev/web.yaml": PATCH % 1}


def kustomization(*, url: str = URL, more: str = "") -> str:
    return f"resources: ['{url}', ../../base]\npatches: [{{path: web.yaml}}]\n{more}"


@pytest.fixture
def repo(checkout: Any) -> Any:
    base = {
        "base/kustomization.yaml": "resources: [config.yaml]\n",
        "base/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
    }
    checkout.commit({**base, **OTHER, ROOT: kustomization(), "overlays/prod/web.yaml": PATCH % 2})
    return checkout


def changes(review: Review) -> dict[str, list[tuple[str, Any, Any]]]:
    return {
        str(resource.identity): [(field.path, field.before, field.after) for field in resource.fields]
        for *_, resource in review.walk()
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"overlays/prod/web.yaml": PATCH % 0}, {"Deployment web": [("spec.replicas", 2, 0)]}),
        (
            {"base/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: c}\n"},
            {"ConfigMap c": [("data.a", "b", "c")]},
        ),
        (
            {ROOT: kustomization(more="namePrefix: x-\n")},
            {"Kustomization overlays/prod": [("namePrefix", None, "x-")]},
        ),
        (
            {ROOT: kustomization(url=URL.replace("v1", "v2"))},
            {"Kustomization overlays/prod": [("resources[0]", URL, URL.replace("v1", "v2"))]},
        ),
    ],
)
def test_what_the_repository_says_is_compared_as_it_is_written(
    repo: Any, files: dict[str, str], expected: dict[str, list[tuple[str, Any, Any]]]
) -> None:
    repo.write(files)
    review = repo.review()
    assert changes(review) == expected
    assert (review.problems, review.not_followed) == ((), ("prod/overlays/prod",))
    assert all("is not fetched" in note.sentence for note in review.notes)


@pytest.mark.parametrize("url", ["https://git.invalid/a/b//c?ref=v1.0.0", "https://files.invalid/crds.yaml"])
def test_what_cannot_be_fetched_is_not_followed_either(repo: Any, url: str) -> None:
    repo.commit({ROOT: kustomization(url=url)})
    repo.write({"overlays/prod/web.yaml": PATCH % 0})
    review = repo.review()
    assert (review.problems, review.not_followed) == ((), ("prod/overlays/prod",))
    assert changes(review) == {"Deployment web": [("spec.replicas", 2, 0)]}


def test_it_has_an_exit_code_of_its_own(repo: Any) -> None:
    repo.write({"overlays/prod/web.yaml": PATCH % 1})
    with pytest.raises(HarnessError, match=r"1 Application not followed \(prod/overlays/prod\)") as caught:
        diff("HEAD", root=repo.root)
    assert caught.value.exit_code == 5
    diff("HEAD", root=repo.root, accept=["prod/overlays/prod"])


@pytest.mark.parametrize("field", ["resources", "components", "bases"])
def test_a_branch_cannot_hide_its_change_behind_a_remote_base(repo: Any, field: str) -> None:
    text = "resources: [web.yaml]\nreplicas: [{name: web, count: 0}]\n"
    text += f"{field}: ['{URL}']\n" if field != "resources" else ""
    repo.write({"overlays/dev/kustomization.yaml": text.replace("[web.yaml]", f"[web.yaml, '{URL}']")})
    review = repo.review()
    assert "dev/overlays/dev" in review.not_followed
    assert any(note.changed and note.application == "overlays/dev" for note in review.notes)
    assert "Touches no environment" not in review.headline


def test_secrets_are_in_no_format(repo: Any) -> None:
    operations = "- {op: add, path: /stringData/x, value: %s}\n"
    target = "patches: [{path: web.yaml}, {path: secret.yaml, target: {kind: Secret}}]\n"
    for value in ("hidden-1", "hidden-2"):
        generator = f"secretGenerator: [{{name: s, literals: [a={value}]}}]\n"
        text = kustomization(more=generator).replace("patches: [{path: web.yaml}]\n", target)
        repo.write({ROOT: text, "overlays/prod/secret.yaml": operations % value})
        if value == "hidden-1":
            repo.commit({})
    review = repo.review()
    assert len(changes(review)) == 2
    for form in FORMATS:
        assert "hidden-" not in render(review, form)
