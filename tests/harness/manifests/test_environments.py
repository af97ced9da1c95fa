"""Which parts an environment has."""

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.manifests import discover
from harness.manifests.environments import aggregates, environments, roots
from harness.manifests.inputs import Kustomizations
from harness.manifests.settings import of_checkout
from harness.manifests.tree import working_copy
from harness.paths import ROOT


def test_environments_are_the_folders_of_overlays(checkout: Path) -> None:
    (checkout / "overlays/.hidden").mkdir()
    (checkout / "overlays/readme.txt").touch()
    assert environments(checkout) == ["here"]
    assert environments(checkout / "base") == []


def test_a_sum_of_folders_is_built_part_by_part(checkout: Path) -> None:
    assert [(root.name, root.in_whole) for root in roots(checkout, "here")] == [("one", True), ("two", True)]
    assert aggregates(checkout, "here") == ["overlays/here/kustomization.yaml"]


def test_an_overlay_that_does_more_is_one_part(checkout: Path) -> None:
    (checkout / "overlays/here/kustomization.yaml").write_text("namePrefix: x-\nresources: [one, two]\n")
    assert [root.name for root in roots(checkout, "here")] == ["here"]


def test_sums_of_sums_are_followed_below_the_overlay_only(checkout: Path) -> None:
    (checkout / "overlays/here/kustomization.yaml").write_text("resources: [both]\n")
    both = checkout / "overlays/here/both"
    both.mkdir()
    (both / "kustomization.yaml").write_text("resources: [three]\n")
    (both / "three").mkdir()
    (both / "three/kustomization.yaml").write_text("resources: [../../../../base/thing]\n")
    assert [root.name for root in roots(checkout, "here")] == ["both/three", "one", "two"]


def test_a_folder_that_the_overlay_leaves_out_is_a_part_of_its_own(checkout: Path) -> None:
    (checkout / "overlays/here/kustomization.yaml").write_text("resources: [one]\n")
    assert [(root.name, root.in_whole) for root in roots(checkout, "here")] == [("one", True), ("two", False)]


def test_components_are_no_parts(checkout: Path) -> None:
    images = checkout / "overlays/here/images"
    images.mkdir()
    (images / "kustomization.yaml").write_text("kind: Component\n")
    assert [root.name for root in roots(checkout, "here")] == ["one", "two"]


@pytest.mark.parametrize("environment", environments(ROOT))
def test_validation_and_review_see_the_same_roots(environment: str) -> None:
    tree = working_copy(ROOT)
    discovered = discover.roots(tree, Kustomizations(tree), of_checkout(ROOT))
    reviewed = {root.folder for root in discovered if root.environment == environment}
    assert {root.inputs.folder for root in roots(ROOT, environment)} == reviewed != set()


def test_an_unknown_environment_is_named_with_the_known_ones(checkout: Path) -> None:
    with pytest.raises(HarnessError, match="no environment 'there'; did you mean 'here'") as caught:
        roots(checkout, "there")
    assert caught.value.exit_code == 2
