"""Every single field of our own overlays, changed: each change is reported, in the environment that it is in."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.manifests.applications.application import Application
from harness.manifests.builder import Builder
from harness.manifests.built_tree import BuiltTree
from harness.manifests.git import Repository
from harness.manifests.git_urls import GITHUB
from harness.manifests.inputs import Kustomizations
from harness.manifests.resource import Identity, Resource
from harness.manifests.settings import read
from harness.manifests.tree import Store, git_tree
from harness.paths import ROOT
from harness.review.compare import Environment
from harness.review.fields import CHECKSUM, MANAGED, NUMBER, SERVER, compare
from harness.review.locations import Locator
from harness.review.pair import ReviewedResource
from harness.review.risks.context import Change
from harness.review.risks.judge import judge

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[BuiltTree, BuiltTree]]:
    """Our overlays as they are on disk, rendered twice."""
    built = []
    with Repository(ROOT) as repository, Builder(hosts=[GITHUB]) as builder:
        for _ in range(2):
            tree = git_tree(repository.working_tree(), Store(repository.root, repository))
            side = BuiltTree(Kustomizations(tree, {}), read(tree), builder, repository.remotes())
            side.build()
            built.append(side)
        yield built[0], built[1]


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = list(items)
    if not inner:
        yield path
    for step, item in inner:
        yield from _leaves(item, (*path, step))


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else "x"


GONE: Any = object()


def _with(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """The value with another one, or nothing, at a path; all else is the same object."""
    if not path:
        return new
    step: Any = path[0]
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is GONE:
        del copy[step]
    else:
        copy[step] = _with(value[step], path[1:], new)
    return copy


def _mutated(value: Any, path: tuple[str | int, ...]) -> Any:
    return _with(value, path, _changed(reduce(getitem, path, value)))


def _documents(side: BuiltTree) -> Iterator[tuple[str, Application, int, dict[str, Any]]]:
    for environment, applications in side.environments.items():
        for application in applications:
            for index, manifest in enumerate(application.resources()):
                yield environment, application, index, manifest.value


def test_our_environments_are_complete(sides: tuple[BuiltTree, BuiltTree]) -> None:
    folders = {path.name for path in (ROOT / "overlays").iterdir() if path.is_dir()}
    assert set(sides[0].environments) == folders
    for name, applications in sides[0].environments.items():
        assert [application.problems for application in applications if application.problems] == []
        kustomizations = {path.parent for path in (ROOT / "overlays" / name).rglob("kustomization.yaml")}
        rendered = {ROOT / path for application in applications for path in _read(application)}
        # One line of an overlay switches DAGs from git on; until then, nothing reads their component.
        switched_off = ROOT / "overlays" / name / "git-sync"
        assert {path for path in kustomizations if not _aggregate(path)} - {switched_off} <= rendered
        assert all(application.argocd for application in applications)


def _read(application: Application) -> set[str]:
    return {str(Path(path).parent) for build in application.builds for path in build.root.inputs.files}


def _aggregate(folder: Path) -> bool:
    fields = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return set(fields) <= {"apiVersion", "kind", "resources"} and all(
        (folder / item).is_dir() for item in fields["resources"]
    )


def test_each_changed_field_is_reported(sides: tuple[BuiltTree, BuiltTree]) -> None:
    count = 0
    seen: set[str] = set()
    missed: list[str] = []
    for _, application, index, document in _documents(sides[0]):
        text = application.resources()[index].text
        if text in seen:
            continue
        seen.add(text)
        for path in _leaves(document):
            count += 1
            fields = compare(document, _mutated(document, path))
            where = f"{document['kind']} {document['metadata']['name']} {path}"
            folded = not fields.changes and fields.folded and set(fields.folded) <= _FOLDED
            if not (len(fields.changes) == 1 or _expected_pair(fields.changes) or folded):
                missed.append(where)
    assert missed == []
    assert count > 10_000


def test_each_removed_field_is_reported(sides: tuple[BuiltTree, BuiltTree]) -> None:
    missed = []
    for environment, _, _, document in _documents(sides[0]):
        if environment != "minikube" or document["kind"] == "CustomResourceDefinition":
            continue
        for path in _leaves(document):
            fields = compare(document, _with(document, path, GONE))
            if not fields.changes and not set(fields.folded) & _FOLDED:
                missed.append(f"{document['kind']} {document['metadata']['name']} {path}")
    assert missed == []


def _nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, step)
        if isinstance(item, dict | list):
            yield from _nodes(item, (*path, step))


def test_no_odd_value_in_any_place_ends_a_review(sides: tuple[BuiltTree, BuiltTree]) -> None:
    source = random.Random(11)
    odd_values = [
        None,
        "x",
        1,
        True,
        [],
        {},
        [None],
        ["x", 1],
        {"name": None},
        [{"name": ["x"]}],
        {"x": {"y": "z"}},
    ]
    count = 0
    for environment, _, _, document in _documents(sides[0]):
        if environment != "minikube" or document["kind"] == "CustomResourceDefinition":
            continue
        before = resource_of(document)
        for path in _nodes(document):
            changed = _with(document, path, source.choice(odd_values))
            for old, new in ((document, changed), (changed, document)):
                change = Change(resource_of(old), resource_of(new), compare(old, new))
                assert all(risk.sentence for risk in judge(change))
            judge(Change(None, resource_of(changed)))
            judge(Change(before, None))
            count += 1
    assert count > 3_000


def resource_of(value: dict[str, Any]) -> ReviewedResource:
    metadata = value["metadata"] if isinstance(value.get("metadata"), dict) else {}
    identity = Identity(str(value["apiVersion"]), str(value["kind"]), "", str(metadata.get("name")))
    return ReviewedResource.of(value, identity=identity, application="app")


_NOT_SPEC = ("apiVersion", "kind", "metadata", "status")
_FOLDED = {MANAGED, CHECKSUM, SERVER, NUMBER}


def _expected_pair(changes: list[Any]) -> bool:
    """A changed key of a keyed list, or item of a set, is one item less and one more."""
    return sorted(str(change.kind) for change in changes) in (
        ["added", "removed"],
        ["added", "removed", "reordered"],
    )


def test_a_change_of_every_resource_is_reported_in_its_environment_and_application(
    sides: tuple[BuiltTree, BuiltTree],
) -> None:
    source = random.Random(7)
    base, head = sides
    for environment, applications in base.environments.items():
        mutated: list[Application] = []
        expected: set[tuple[str, str, str]] = set()
        for application in applications:
            manifests = []
            for manifest in application.resources():
                document = manifest.value
                fields = [path for path in _leaves(document) if path[0] not in _NOT_SPEC]
                # CustomResourceDefinitions are the bulk of the text; the test above has each of their fields.
                if not fields or document["kind"] == "CustomResourceDefinition":
                    manifests.append(manifest)
                    continue
                changed = _mutated(document, source.choice(fields))
                manifests.append(Resource.of(changed, origin=manifest.origin))
                expected.add((application.name, document["kind"], document["metadata"]["name"]))
            build = replace(application.builds[0], key="mutated", plain=manifests)
            mutated.append(replace(application, builds=[build]))
        locator = Locator(base, head, ())
        review = Environment(environment, applications, mutated, locator).compare().review
        reviewed = {
            (application.name, resource.before.kind, resource.before.name)
            for application in review.applications
            for resource in application.resources
            if resource.before
        }
        assert {item for item in expected if item[1] not in ("ConfigMap", "Secret")} <= reviewed
        assert len(reviewed) >= len(expected)
        for other, others in base.environments.items():
            if other != environment:
                assert not Environment(other, others, head.environments[other], locator).compare().review.touched
