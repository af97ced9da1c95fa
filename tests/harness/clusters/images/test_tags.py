from pathlib import Path

import pytest
import yaml

from harness.clusters.images.tags import images, read, with_images
from harness.errors import HarnessError
from harness.manifests.images import ImageReference

FILE = Path("overlays/a/images/kustomization.yaml")
NEW = ImageReference("registry:5000/a/web", "1-ab", "sha256:01")
HERE = ImageReference("lakehouse/web", "1-ab", "")


def listing(*entries: str) -> str:
    return "\n".join(["# Images.", "kind: Component", "images:", *entries, "# The end.", ""])


@pytest.mark.parametrize(
    ("before", "image", "after"),
    [
        (
            ["- name: lakehouse/web # ours", "  newTag: 0.1.0 # old"],
            NEW,
            [
                "- name: lakehouse/web # ours",
                "  newTag: 1-ab # old",
                "  newName: registry:5000/a/web",
                "  digest: sha256:01",
            ],
        ),
        (
            ["  - newTag: '0.1.0'", "    name: lakehouse/web", "    digest: sha256:00 # old", "    newName: x/y"],
            HERE,
            ["  - newTag: 1-ab", "    name: lakehouse/web"],
        ),
        (["- digest: sha256:00", "  name: lakehouse/web"], HERE, ["- name: lakehouse/web", "  newTag: 1-ab"]),
        (
            ["- {name: lakehouse/web, newTag: 0.1.0} #", "- {name: b, newTag: 1}"],
            NEW,
            [
                "- {name: lakehouse/web, newTag: 1-ab, newName: registry:5000/a/web, digest: sha256:01} #",
                "- {name: b, newTag: 1}",
            ],
        ),
        (["- {name: lakehouse/web, digest: sha256:00}"], HERE, ["- {name: lakehouse/web, newTag: 1-ab}"]),
        (
            ["- name: a", "  newTag: 1", "", "# Ä comment.", "- name: lakehouse/web"],
            HERE,
            ["- name: a", "  newTag: 1", "", "# Ä comment.", "- name: lakehouse/web", "  newTag: 1-ab"],
        ),
        # kustomize applies both, one after the other.
        (
            ["- name: lakehouse/web", "  newTag: 1", "- name: lakehouse/web", "  newTag: 2"],
            HERE,
            ["- name: lakehouse/web", "  newTag: 1-ab", "- name: lakehouse/web", "  newTag: 1-ab"],
        ),
    ],
)
def test_nothing_but_the_values_changes(before: list[str], image: ImageReference, after: list[str]) -> None:
    changed = with_images(FILE, listing(*before), {"lakehouse/web": image})

    assert changed == listing(*after)
    assert with_images(FILE, changed, {"lakehouse/web": image}) == changed


def test_a_file_without_a_last_line_feed() -> None:
    text = "images:\n- name: lakehouse/web"
    assert with_images(FILE, text, {"lakehouse/web": HERE}) == f"{text}\n  newTag: 1-ab"


def test_the_repositorys_own_files_can_be_edited(repo: Path) -> None:
    for file in repo.glob("overlays/*/images/kustomization.yaml"):
        text = read(file)
        before = yaml.safe_load(text)["images"]
        changed = yaml.safe_load(with_images(file, text, dict.fromkeys(images(file, text), NEW)))["images"]
        assert [(entry["name"], entry["newTag"], entry["digest"]) for entry in changed] == [
            (entry["name"], NEW.tag, NEW.digest) for entry in before
        ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("images: [", "is not YAML"),
        ("kind: Component", "has no list of images"),
        ("images: {a: b}", "has no list of images"),
        ("images:\n- newTag: 1", "kustomization.yaml:2 has no name"),
        ("images:\n- web", "kustomization.yaml:2 has no name"),
        ("images:\n- {name: a, newTag: &t 1}\n- {name: lakehouse/web, newTag: *t}", "cannot be edited|is not YAML"),
    ],
)
def test_a_file_of_another_form_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(HarnessError, match=why) as caught:
        with_images(FILE, text, {"lakehouse/web": HERE})
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"cannot be read \(No such file or directory\)"):
        read(tmp_path / "kustomization.yaml")
