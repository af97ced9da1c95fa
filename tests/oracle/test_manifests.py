"""The review's oracle, by examples written by hand."""

from pathlib import Path
from typing import Any

import pytest

from harness.machine.tools import tool
from tests.oracle import charts
from tests.oracle.manifests import compare, truth

pytestmark = pytest.mark.tools
APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec: {source: {repoURL: "https://git.example.com/x.git", path: web}}
"""


def changed(folder: Path, before: str, after: str) -> list[str]:
    """What differs between two manifests that an Application deploys."""
    sides = []
    for side, content in (("base", before), ("head", after)):
        for name, text in (("apps/web.yaml", APPLICATION), ("web/all.yaml", content)):
            path = folder / side / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
        sides.append(truth(folder / side, tool("kustomize")))
    return [str(item) for item in compare(sides[0], sides[1], {"environments": []}).unreported]


@pytest.mark.parametrize(
    "data",
    [
        "{on: x, text: %s}",
        "{text: %s, 1: x, 1.5: y, null: z}",
        "{2: {no: x, text: %s, 2001-01-01: y}}",
        "{text: %s, ? !!binary eA== : !!binary eA==}",
        "{text: %s, more: !!set {a, 1, yes}}",
    ],
)
def test_keys_and_values_may_be_of_any_type(data: str, tmp_path: Path) -> None:
    manifest = f"kind: Widget\nmetadata: {{name: a}}\nspec: {data}\n"
    assert changed(tmp_path / "same", manifest % "1", f"# a comment\n{manifest % '1'}") == []
    assert changed(tmp_path / "other", manifest % "1", manifest % "2") == [
        "before: Widget /a of web",
        "after: Widget /a of web",
    ]


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        ({}, "app: 1 2 "),
        ({"releaseName": "web", "valueFiles": ["../more.yaml", "/last.yaml"]}, "web: 3 4 "),
        ({"valueFiles": ["../more.yaml"], "values": "b: 5"}, "app: 3 5 "),
        ({"valuesObject": {"b": 6}, "values": "b: 5", "parameters": [{"name": "a", "value": "7"}]}, "app: 7 6 "),
    ],
)
def test_a_chart_that_names_values(helm: dict[str, Any], expected: str, tmp_path: Path) -> None:
    files = {
        "web/Chart.yaml": "name: web\n",
        "web/values.yaml": "a: 1\nb: 2\n",
        "web/templates/a.yaml": "{{ .Release.Name }}: {{ .Values.a }} {{ .Values.b }} {{ .Values.absent }}",
        "more.yaml": "a: 3\n",
        "last.yaml": "b: 4\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert charts.application(tmp_path, "app", "web", helm) == [expected]
    (tmp_path / "web/templates/b.yaml").write_text("{{ if .Values.a }}{{ end }}", encoding="utf-8")
    assert charts.application(tmp_path, "app", "web", helm) is None


@pytest.mark.parametrize(
    ("text", "is_complete", "expected"),
    [
        ("${A} ${A:=2} ${A:-2}", True, "1 1 1"),
        ("${B} ${B:=2} ${EMPTY:-3}", True, " 2 3"),
        ("${A} ${B} ${B:=2}", False, "1 ${B} ${B:=2}"),
    ],
)
def test_variables(text: str, is_complete: bool, expected: str) -> None:
    assert charts.substituted(text, {"A": "1", "EMPTY": ""}, is_complete=is_complete) == expected


@pytest.mark.parametrize(
    "spec",
    [
        "generators: [{list: {elements: [{path: web}]}}], template: {spec: {source: {path: '{{path}}'}}}",
        "generators: [{list: {elementsYaml: '{{ .a }}'}}, {clusters: {}}], template: {metadata: {name: a}}",
        "generators: [{list: {elements: [{a: b}]}}, {git: {files: [{path: '*.json'}]}}]",
        "generators: [{list: {elements: [{path: web}]}}], template: {metadata: {name: '{{a}}'}, spec: {}}",
    ],
)
def test_an_application_set_that_fills_in_more_deploys_nothing_known(spec: str, tmp_path: Path) -> None:
    name = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\n"
    (tmp_path / "set.yaml").write_text(f"{name}spec: {{{spec}}}\n", encoding="utf-8")
    (tmp_path / "web").mkdir()
    (tmp_path / "web/kustomization.yaml").write_text("namePrefix: a-\n", encoding="utf-8")
    assert set(truth(tmp_path, tool("kustomize"))) == {".", "web"}


@pytest.mark.parametrize("spec", ["chartRef: {kind: OCIRepository, name: a}", "chart: {spec: {chart: a}}", ""])
@pytest.mark.parametrize("kind", ["helm.toolkit.fluxcd.io/v2 HelmRelease", "argoproj.io/v1alpha1 Application"])
def test_what_deploys_nothing_here(kind: str, spec: str, tmp_path: Path) -> None:
    version, _, name = kind.partition(" ")
    text = f"apiVersion: {version}\nkind: {name}\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"
    (tmp_path / "a.yaml").write_text(text if spec else text.replace("spec: {}", ""), encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml]\n", encoding="utf-8")
    assert set(truth(tmp_path, tool("kustomize"))) == {"."}


def test_applications_of_one_name_deploy_the_folders_of_all(tmp_path: Path) -> None:
    for folder in ("web", "api"):
        path = tmp_path / f"apps/{folder}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(APPLICATION.replace("path: web", f"path: {folder}"), encoding="utf-8")
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(f"kind: A\nmetadata: {{name: {folder}}}\n", encoding="utf-8")
    deployed = truth(tmp_path, tool("kustomize"))["web"]
    assert deployed.resources is not None
    assert (set(deployed.reached), deployed.resources.total()) == ({"web", "api"}, 2)
