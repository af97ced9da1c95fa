"""What a kustomization reads, and what is wrong with it."""

import os
from pathlib import Path

import pytest

from harness.manifests.inputs import Inputs, Kustomizations
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.manifests.tree import Tree, working_copy


def walk(checkout: Path, folder: str) -> tuple[Tree, Inputs]:
    tree = working_copy(checkout)
    return tree, Kustomizations(tree).inputs(folder)


def test_it_finds_every_file(checkout: Path) -> None:
    one = checkout / "overlays/here/one"
    (one / "kustomization.yaml").write_text(
        "resources:\n  - ../../../base/thing\n"
        "components: [part]\n"
        "patches:\n  - path: patch.yaml\n"
        "configMapGenerator:\n  - name: files\n    files: [key=data.bin, plain.txt]\n    envs: [a.env]\n"
        "replacements:\n  - path: replace.yaml\n"
        "configurations: [fields.yaml]\n"
        "transformers: [more]\n"
    )
    for folder in ("part", "more"):
        (one / folder).mkdir()
        (one / folder / "kustomization.yaml").write_text("kind: Component\n")
    for name in ("patch.yaml", "replace.yaml", "fields.yaml"):
        (one / name).write_text("a: b\n")
    (one / "data.bin").write_bytes(b"\xff\x00")
    (one / "plain.txt").write_text("")
    (one / "a.env").write_text("A=1\n")
    _, inputs = walk(checkout, "overlays/here/one")
    assert inputs.problems == []
    assert inputs.files == {
        "overlays/here/one/kustomization.yaml",
        "base/thing/kustomization.yaml",
        "base/thing/thing.yaml",
        *(
            f"overlays/here/one/{name}"
            for name in (
                "part/kustomization.yaml",
                "more/kustomization.yaml",
                "patch.yaml",
                "replace.yaml",
                "fields.yaml",
                "data.bin",
                "plain.txt",
                "a.env",
            )
        ),
    }


def test_a_missing_file_is_told_with_the_line_that_names_it(checkout: Path) -> None:
    file = checkout / "overlays/here/one/kustomization.yaml"
    file.write_text("resources:\n  - ../../../base/thing\n  - absent.yaml\n")
    (problem,) = walk(checkout, "overlays/here/one")[1].problems
    assert (problem.rule, str(problem.location)) == ("LH103", "overlays/here/one/kustomization.yaml:3")


def test_the_key_follows_the_content_and_nothing_else(checkout: Path) -> None:
    def key(*more: str) -> str:
        tree, inputs = walk(checkout, "overlays/here/one")
        return inputs.key(tree, *more)

    file = checkout / "base/thing/thing.yaml"
    first = key()
    os.utime(file, (0, 0))
    assert key() == first
    file.write_text(file.read_text() + "  b: '2'\n")
    assert key() != first
    assert key("another kustomize") != key()


def test_a_field_of_the_wrong_type_is_told(checkout: Path) -> None:
    file = checkout / "overlays/here/one/kustomization.yaml"
    file.write_text("resources: thing.yaml\n")
    (problem,) = walk(checkout, "overlays/here/one")[1].problems
    assert (problem.rule, problem.location.line) == ("LH101", 1)


def test_values_are_read_as_kubernetes_reads_them() -> None:
    (document,) = parse("date: 2024-01-31\nequals: =\nnumber: 12\n")
    assert document.value == {"date": "2024-01-31", "equals": "=", "number": 12}


@pytest.mark.parametrize(
    ("path", "line_and_depth"),
    [
        (("kind",), (2, 1)),
        (("spec", "containers", "b", "image"), (7, 4)),
        (("spec", "containers", 0, "name"), (5, 4)),
        (("spec", "containers", "b", "absent", "deeper"), (6, 3)),
        (("absent",), (2, 0)),
    ],
)
def test_a_path_has_a_line(path: tuple[str | int, ...], line_and_depth: tuple[int, int]) -> None:
    (document,) = parse("---\nkind: Pod\nspec:\n  containers:\n    - name: a\n    - name: b\n      image: x\n")
    assert document.locate(path) == line_and_depth


@pytest.mark.parametrize(
    ("text", "line"), [("a: [", 1), ("a: 1\n b: 2\n", 2), ("a: 1\n\tb: 2", 2), ("ä: 1\nb: \x00", 2)]
)
def test_broken_yaml_has_a_line(text: str, line: int | None) -> None:
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert caught.value.line == line
