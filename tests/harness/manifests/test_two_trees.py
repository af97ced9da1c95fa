"""What two trees have in common is read once; what is read is the same as if each were read by itself."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.manifests.inputs import Inputs, Kustomizations
from harness.manifests.tree import Tree, with_folders, working_copy
from tests.harness.manifests.conftest import put

LINK = "link:"
FILES = {
    "apps/web/kustomization.yaml": (
        "resources: [../../base, deployment.yaml, linked]\n"
        "patches: [{path: patch.yaml}]\n"
        "configMapGenerator: [{name: c, files: [conf/a.txt]}]\n"
    ),
    "apps/web/deployment.yaml": "kind: Deployment\n",
    "apps/web/patch.yaml": f"{LINK}../../shared/patch.yaml",
    "apps/web/conf/a.txt": "a",
    "apps/web/linked": f"{LINK}../../real",
    "shared/patch.yaml": "kind: Deployment\n",
    "base/kustomization.yml": "resources: [service.yaml]\n",
    "base/service.yaml": "kind: Service\n",
    "real/kustomization.yaml": "resources: [x.yaml]\n",
    "real/x.yaml": "kind: Secret\n",
    "other/kustomization.yaml": "resources: []\n",
    "generated/kustomization.yaml": "generators: [generator.yaml]\n",
    "generated/generator.yaml": "kind: G\nfiles: [there.txt, ../elsewhere/absent.txt]\n",
    "generated/there.txt": "t",
    "charts/kustomization.yaml": "helmCharts: [{name: c}]\n",
    "charts/charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "broken/kustomization.yaml": "resources: [missing.yaml, ../nothing]\n",
    "top/kustomization.yaml": "resources: [../apps/web, ../generated]\n",
}
COMPONENTS = {"components": ["../../extra"], "ignoreMissingComponents": True}
EDITS: list[dict[str, str | None]] = [
    {"README.md": "changed"},
    {"base/kustomization.yaml": "resources: []\n"},
    {"base/service.yaml": "kind: Service\nspec: {}\n"},
    {"base/service.yaml": None},
    {"base/service.yaml": f"{LINK}../real/x.yaml"},
    {"base/service.yaml": None, "base/service.yaml/kustomization.yaml": "resources: []\n"},
    {"base/kustomization.yml": None, "base/service.yaml": None, "base": f"{LINK}real"},
    {"base/kustomization.yml": None, "base/service.yaml": None, "base": "kind: Service\n"},
    {"real/kustomization.yaml": None},
    {"apps/web/linked": f"{LINK}../../other"},
    {"apps/web/linked": f"{LINK}../../../outside"},
    {"apps/web/patch.yaml": f"{LINK}patch.yaml"},
    {"shared/patch.yaml": None},
    {"shared/patch.yaml": None, "shared": f"{LINK}real"},
    {"apps/web/conf/a.txt": None, "apps/web/conf/a.txt/b": "b"},
    {"elsewhere/absent.txt": "now there"},
    {"generated/generator.yaml": "kind: G\nfiles: []\n"},
    {"charts/charts/c/values.yaml": "a: b\n"},
    {"charts/charts/c/Chart.yaml": None},
    {"broken/missing.yaml": "kind: Secret\n", "nothing/kustomization.yaml": "resources: []\n"},
    {"nothing": f"{LINK}base"},
    {"extra/kustomization.yaml": "kind: Component\n"},
    {"other/kustomization.yaml": "resources: [../top]\n", "top/kustomization.yaml": "resources: [../other]\n"},
]


def written(root: Path, files: Mapping[str, str | None]) -> Tree:
    root.mkdir()
    for name, content in files.items():
        if content is None:
            continue
        if content.startswith(LINK):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(content.removeprefix(LINK))
        else:
            put(root, name, content)
    return working_copy(root)


def every(kustomizations: Kustomizations) -> dict[str, tuple[Inputs, Inputs, list[str], list[str] | None]]:
    known: dict[str, Any] = {}
    for folder in kustomizations.folders():
        inputs = kustomizations.inputs(folder), kustomizations.inputs(folder, COMPONENTS)
        known[folder] = (*inputs, kustomizations.referenced(folder), kustomizations.parts(folder))
    return known


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: "+".join(edit))
def test_inputs_are_those_of_a_tree_that_is_read_by_itself(tmp_path: Path, edit: dict[str, str | None]) -> None:
    sides = [dict[str, str | None](FILES), {**FILES, **edit}]
    for number, (before, after) in enumerate((sides, sides[::-1])):
        trees = [written(tmp_path / f"{number}-{side}", files) for side, files in (("a", before), ("b", after))]
        earlier = Kustomizations(trees[0], {})
        touched = with_folders(trees[1].changed(trees[0]))
        known = every(earlier)
        follower = Kustomizations(trees[1], {}, earlier, touched)
        expected = every(Kustomizations(trees[1], {}))
        assert every(follower) == expected
        for folder, (inputs, edited, *_) in known.items():
            for index, one in enumerate((inputs, edited)):
                if not one.may_differ(touched):
                    assert expected[folder][index] == one, folder
        shutil.rmtree(tmp_path / f"{number}-b")


def test_what_is_far_from_a_change_does_not_differ(tmp_path: Path) -> None:
    trees = [written(tmp_path / "a", FILES), written(tmp_path / "b", {**FILES, "apps/web/conf/a.txt": "b"})]
    kustomizations = Kustomizations(trees[0], {})
    touched = with_folders(trees[1].changed(trees[0]))
    differing = [folder for folder in kustomizations.folders() if kustomizations.inputs(folder).may_differ(touched)]
    # What looks for files that may not be there is read again, whatever has changed.
    assert differing == ["apps/web", "broken", "charts", "generated", "top"]
