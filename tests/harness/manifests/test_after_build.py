"""What Flux changes in built resources: variables as its envsubst has them, common labels and annotations."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.manifests.build import Build, Root
from harness.manifests.builder import Builder
from harness.manifests.inputs import Kustomizations
from harness.manifests.tree import working_copy

pytestmark = pytest.mark.tools

VARIABLES = {"NAME": "shop", "EMPTY": "", "PATH_": "a/b/c", "YES": "true", "NUMBER": "5", "JSON": "{a: b}"}


def built(folder: Path, value: dict[str, Any], **after: Any) -> Build:
    (folder / "kustomization.yaml").write_text("resources: [thing.yaml]\n")
    (folder / "thing.yaml").write_text(yaml.safe_dump(value))
    tree = working_copy(folder)
    inputs = Kustomizations(tree).inputs(".")
    inputs.after_build = {"substitute": True, "variables": VARIABLES, **after}
    with Builder() as builder:
        (build,) = builder.build([Root(".", tree, inputs)])
    return build


def thing(text: str = "x", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n", **metadata}, "data": {"text": text}}


def data(build: Build) -> Any:
    assert build.problems == []
    (resource,) = build.resources
    return resource.value["data"]["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ${NAME}", "a shop"),
        ("$NAME", "$NAME"),
        ("$${NAME}", "${NAME}"),
        ("${EMPTY:=default}", "default"),
        ("${MISSING:-default}", "default"),
        ("${NAME:-default}", "shop"),
        ("x${MISSING}y", "xy"),
        ("${MISSING:=${NAME}}", "shop"),
        ("${NAME^^}", "SHOP"),
        ("${NAME:1:2}", "ho"),
        ("${#NAME}", 4),
        ("${PATH_//\\//-}", "a-b-c"),
        ("${PATH_##*/}", "c"),
        ("${PATH_%%/*}", "a"),
        ("${YES}", True),
        ("${NUMBER}", 5),
        ("${JSON}", {"a": "b"}),
        ("{{ .Values.x }} $(VAR) ${NAME}", "{{ .Values.x }} $(VAR) shop"),
    ],
)
def test_variables(tmp_path: Path, text: str, expected: Any) -> None:
    assert data(built(tmp_path, thing(text))) == expected


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_a_resource_may_opt_out(tmp_path: Path, where: str) -> None:
    mark = {where: {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}}
    assert data(built(tmp_path, thing("${NAME}", **mark))) == "${NAME}"
    assert data(built(tmp_path, thing("${NAME}"), substitute=False)) == "${NAME}"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("${TOKEN} ${NAME}", {"unknown": ["TOKEN"]}, "${TOKEN} shop"),
        ("${TOKEN:=x}", {"unknown": ["TOKEN"]}, "${TOKEN:=x}"),
        ("${OTHER:=x}", {"unknown": ["TOKEN"]}, "x"),
        ("${OTHER:=x} ${NAME}", {"anyUnknown": True}, "${OTHER:=x} shop"),
        ("${#TOKEN} $${TOKEN}", {"anyUnknown": True}, "${#TOKEN} ${TOKEN}"),
        ("${NAME}", {"unknown": ["NAME"]}, "shop"),
    ],
)
def test_variables_without_a_known_value_stay(tmp_path: Path, text: str, after: Any, expected: str) -> None:
    assert data(built(tmp_path, thing(text), **after)) == expected


@pytest.mark.parametrize(
    ("text", "after", "why"),
    [
        ("${NAME", {}, "variables cannot be substituted"),
        ("${}", {}, "variables cannot be substituted"),
        ("x", {"variables": {"a-b": "c"}}, "'a-b' is no name of a variable"),
        ("x", {"variables": {"NAME": "x\n- y: ["}, "text": "${NAME}"}, "no YAML"),
    ],
)
def test_what_cannot_be_substituted_is_a_problem(tmp_path: Path, text: str, after: Any, why: str) -> None:
    (problem,) = built(tmp_path, thing(after.pop("text", text)), **after).problems
    assert why in problem.message


def test_common_metadata_overrides(tmp_path: Path) -> None:
    value = thing(labels={"team": "old", "kept": "yes"})
    build = built(tmp_path, value, labels={"team": "new"}, annotations={"note": "x"})
    (resource,) = build.resources
    assert resource.labels == {"team": "new", "kept": "yes"}
    assert resource.annotations == {"note": "x"}


def test_a_generated_name_is_known_although_its_content_changes_afterwards(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("configMapGenerator: [{name: g, literals: ['a=${NAME}']}]\n")
    tree = working_copy(tmp_path)
    inputs = Kustomizations(tree).inputs(".")
    inputs.after_build = {"substitute": True, "variables": VARIABLES}
    with Builder() as builder:
        (build,) = builder.build([Root(".", tree, inputs)])
    (resource,) = build.resources
    assert (resource.value["data"], resource.hashed) == ({"a": "shop"}, True)
