"""The review's oracle, by examples written by hand."""

from pathlib import Path

import pytest

from harness.machine.tools import tool
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
