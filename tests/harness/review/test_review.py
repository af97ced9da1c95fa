"""The review as a whole: where a resource is written, what moves, what restarts, what is folded."""

from typing import Any

import pytest

from harness.review.model import ChangeKind, Review

pytestmark = pytest.mark.tools

WEB = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: web
          image: web:1
          envFrom: [{configMapRef: {name: settings}}]
"""
API = "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\nspec: {ports: [{port: 80}]}\n"
GENERATOR = "configMapGenerator:\n  - name: settings\n    literals: [MODE=a]\n"
FILES = {
    "base/kustomization.yaml": "resources: [all.yaml]\n",
    "base/all.yaml": f"{WEB}---\n{API}",
    "overlays/one/kustomization.yaml": f"resources: [../../base]\npatches: [{{path: patch.yaml}}]\n{GENERATOR}",
    "overlays/one/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    "spec: {replicas: 2}\n",
}


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.commit(FILES)
    return checkout


def places(review: Review) -> dict[str, str]:
    return {
        str(resource.identity): f"{resource.source.file}:{resource.source.line}" if resource.source else ""
        for *_, resource in review.walk()
    }


def test_a_resource_is_located_where_the_change_is(repo: Any) -> None:
    repo.write({"base/all.yaml": FILES["base/all.yaml"].replace("port: 80", "port: 81")})
    assert places(repo.review()) == {"Service api": "base/all.yaml:15"}
    repo.write({"base/all.yaml": FILES["base/all.yaml"]})
    repo.write({"overlays/one/patch.yaml": FILES["overlays/one/patch.yaml"].replace("2", "3")})
    assert places(repo.review()) == {"Deployment web": "overlays/one/patch.yaml:2"}
    repo.write({"overlays/one/patch.yaml": FILES["overlays/one/patch.yaml"]})
    repo.write(
        {"overlays/one/kustomization.yaml": FILES["overlays/one/kustomization.yaml"].replace("MODE=a", "MODE=b")}
    )
    assert places(repo.review()) == {"ConfigMap settings": "overlays/one/kustomization.yaml:4"}


def test_a_removed_resource_is_located_at_base(repo: Any) -> None:
    repo.write({"base/all.yaml": WEB})
    (change,) = [resource for *_, resource in repo.review().walk()]
    assert (change.change, change.source.file, change.source.side) == (ChangeKind.REMOVED, "base/all.yaml", "base")
    assert change.before_yaml
    assert change.after_yaml == ""


def test_a_config_map_with_a_generated_name_restarts_what_reads_it_and_the_hash_is_folded(repo: Any) -> None:
    repo.write(
        {"overlays/one/kustomization.yaml": FILES["overlays/one/kustomization.yaml"].replace("MODE=a", "MODE=b")}
    )
    (environment,) = repo.review().environments
    (application,) = environment.applications
    (change,) = application.resources
    assert str(change.identity) == "ConfigMap settings"
    assert [risk.sentence for risk in change.risks] == [
        "Pods of Deployment web restart, because the name of ConfigMap settings changes."
    ]
    assert application.folded == {"generated name": 1}
    assert change.folded == {"generated name": 1}


def test_layout_is_folded(repo: Any) -> None:
    repo.commit({"clusters/one/app.yaml": APPLICATION, "plain/api.yaml": API})
    repo.write(
        {"plain/api.yaml": "# a comment\nkind: 'Service'\napiVersion: v1\n" + "".join(API.splitlines(True)[2:])}
    )
    review = repo.review()
    assert review.headline == "Touches no environment (one)."
    assert [application.folded for application in review.environments[0].applications] == [
        {"layout of the YAML": 1}
    ]


APPLICATION = """apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: plain}
spec: {source: {repoURL: x, path: plain}, destination: {namespace: there}}
"""


def test_a_resource_that_moves_between_applications(repo: Any) -> None:
    other = APPLICATION.replace("plain", "other")
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n"
    repo.commit(
        {"clusters/one/apps.yaml": f"{APPLICATION}---\n{other}", "plain/c.yaml": config, "other/api.yaml": API}
    )
    repo.write({"plain/c.yaml": None, "plain/x.yaml": API.replace("api", "x"), "other/c.yaml": config})
    moved = [resource for *_, resource in repo.review().walk() if resource.change is ChangeKind.MOVED]
    assert [(resource.title, resource.moved_from) for resource in moved] == [
        ("ConfigMap there/c (was in plain)", "plain")
    ]
    assert "DF607" in {risk.rule for risk in moved[0].risks}


def test_a_new_environment_and_one_that_goes(repo: Any) -> None:
    repo.write(
        {
            "overlays/two/kustomization.yaml": "resources: [../../base]\n",
            "overlays/one/kustomization.yaml": None,
            "overlays/one/patch.yaml": None,
        }
    )
    review = repo.review()
    assert {environment.name: environment.change for environment in review.environments} == {
        "one": ChangeKind.REMOVED,
        "two": ChangeKind.ADDED,
    }
    assert review.headline == "Touches one (3 removed) and two (2 added)."


def test_images_are_a_table(repo: Any) -> None:
    repo.write({"base/all.yaml": FILES["base/all.yaml"].replace("web:1", "web:2")})
    (environment,) = repo.review().environments
    assert [
        (row.before, row.after, [str(item) for item in row.resources], row.note) for row in environment.images
    ] == [("web:1", "web:2", ["Deployment web"], "upgrade")]


def test_the_same_trees_make_the_same_review(repo: Any) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.commit(
        {"base/all.yaml": API.replace("80", "81"), "overlays/two/kustomization.yaml": "resources: [../../base]\n"}
    )
    assert repr(repo.review(first, "HEAD")) == repr(repo.review(first, "HEAD"))


def test_what_one_folder_loses_is_removed_although_another_one_has_the_same(repo: Any) -> None:
    listing = {"overlays/one/kustomization.yaml": "resources: [a, b]\n", "overlays/one/patch.yaml": None}
    parts = {
        f"overlays/one/{name}/{file}": text
        for name in "ab"
        for file, text in {"kustomization.yaml": "resources: [api.yaml]\n", "api.yaml": API}.items()
    }
    repo.commit({**listing, **parts})
    repo.write({"overlays/one/kustomization.yaml": "resources: [a]\n", **dict.fromkeys(list(parts)[2:])})
    review = repo.review()
    ((_, _, removed),) = review.walk()
    assert removed.change is ChangeKind.REMOVED
    assert review.risks
    assert [problem.sentence for problem in review.problems] == ["Service api is defined twice."]
