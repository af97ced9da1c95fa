"""What an Application changes in a kustomization: the same as `kustomize edit`, which Argo CD runs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.machine.tools import tool
from harness.manifests.edits import edit

START = {
    "namePrefix": "old-",
    "images": [{"name": "a", "newName": "b", "newTag": "1"}],
    "replicas": [{"name": "web", "count": 1}],
    "commonLabels": {"team": "x"},
    "commonAnnotations": {"note": "x"},
    "labels": [{"pairs": {"plain": "x"}}],
    "components": ["../one"],
}


def by_kustomize(folder: Path, *arguments: str) -> dict[str, Any]:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(START))
    for name in ("one", "two"):
        (folder.parent / name).mkdir(exist_ok=True)
        (folder.parent / name / "kustomization.yaml").write_text("kind: Component\n")
    subprocess.run([tool("kustomize"), "edit", *arguments], cwd=folder, check=True, capture_output=True)
    fields: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return fields


@pytest.mark.tools
@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"namePrefix": "new-"}, ["set", "nameprefix", "--", "new-"]),
        ({"nameSuffix": "-x"}, ["set", "namesuffix", "--", "-x"]),
        ({"namespace": "n"}, ["set", "namespace", "n"]),
        ({"images": ["a=c:2"]}, ["set", "image", "a=c:2"]),
        ({"images": ["a=*:2"]}, ["set", "image", "a=*:2"]),
        ({"images": ["a=c:*"]}, ["set", "image", "a=c:*"]),
        ({"images": ["a@sha256:0", "r.io:5000/x/y:3"]}, ["set", "image", "a@sha256:0", "r.io:5000/x/y:3"]),
        ({"replicas": [{"name": "web", "count": "3"}]}, ["set", "replicas", "web=3"]),
        ({"commonLabels": {"a": "b"}}, ["add", "label", "a:b"]),
        ({"commonLabels": {"team": "y"}, "forceCommonLabels": True}, ["add", "label", "--force", "team:y"]),
        ({"commonLabels": {"a": "b"}, "labelWithoutSelector": True}, ["add", "label", "--without-selector", "a:b"]),
        (
            {"commonLabels": {"a": "b"}, "labelWithoutSelector": True, "labelIncludeTemplates": True},
            ["add", "label", "--without-selector", "--include-templates", "a:b"],
        ),
        ({"commonAnnotations": {"a": "b"}}, ["add", "annotation", "a:b"]),
        (
            {"commonAnnotations": {"note": "y"}, "forceCommonAnnotations": True},
            ["add", "annotation", "--force", "note:y"],
        ),
        ({"components": ["../one", "../two"]}, ["add", "component", "../one", "../two"]),
    ],
)
def test_it_edits_as_kustomize_does(tmp_path: Path, options: dict[str, Any], arguments: list[str]) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    expected = by_kustomize(folder, *arguments)
    fields = yaml.safe_load(yaml.safe_dump(START))
    edit(fields, options)
    assert _comparable(fields) == _comparable(expected)


def _comparable(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without what an edit writes out although it says nothing."""
    kept = {key: value for key, value in fields.items() if key not in ("apiVersion", "kind")}
    kept["labels"] = [{key: value for key, value in item.items() if value} for item in fields["labels"]]
    for name in ("images", "replicas"):
        kept[name] = sorted(fields[name], key=lambda item: str(item["name"]))
    return kept


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"commonLabels": {"team": "y"}}, "team .* without forceCommonLabels"),
        ({"commonLabels": {"plain": "y"}, "labelWithoutSelector": True}, "plain .* without forceCommonLabels"),
        ({"commonAnnotations": {"note": "x"}}, "note .* without forceCommonAnnotations"),
        ({"commonLabels": {"a": "b"}, "labelIncludeTemplates": True}, "without labelWithoutSelector"),
        ({"images": ["nginx"]}, "cannot be read"),
        ({"images": 3}, "not valid for Argo CD"),
    ],
)
def test_what_argo_cd_refuses_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        edit(yaml.safe_load(yaml.safe_dump(START)), options)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"newTag": "2"}, {"newName": "b", "newTag": "2"}),
        ({"digest": "sha256:0"}, {"newName": "b", "digest": "sha256:0"}),
        ({"newName": "c"}, {"newName": "c", "newTag": "1"}),
    ],
)
def test_an_image_of_flux_overrides_only_what_it_says(image: dict[str, str], expected: dict[str, str]) -> None:
    fields = yaml.safe_load(yaml.safe_dump(START))
    edit(fields, {"images": [{"name": "a", **image}]})
    assert fields["images"] == [{"name": "a", **expected}]
