"""The environments of a checkout, found and built as a review does."""

from collections.abc import Collection, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.manifests import discover
from harness.manifests.applications.application import Application
from harness.manifests.builder import Builder
from harness.manifests.built_tree import BuiltTree
from harness.manifests.environments import TEST_OVERLAYS, environments, overlay_folder, roots
from harness.manifests.git import Repository
from harness.manifests.inputs import Kustomizations
from harness.manifests.settings import read
from harness.manifests.tree import working_copy
from harness.validate.groups import asked
from harness.validate.kubernetes.parity import LH601
from harness.validate.kustomize.building import LH107


def built(root: Path, names: Sequence[str], hosts: Collection[str], options: Sequence[str]) -> BuiltTree:
    """A checkout, built; what git ignores in it makes no environment.

    Raises:
        HarnessError: The builder is unavailable, or its options or the settings are wrong.
    """
    paths, remotes = _known_to_git(root)
    tree = working_copy(root, paths)
    settings = read(tree)
    discover.check(settings, [tree])
    rules = asked(settings.rules)
    with Builder(options, hosts=hosts, pinned=LH107.id in rules) as builder:
        built = BuiltTree(Kustomizations(tree), settings, builder, remotes)
        built.build()
        more = TEST_OVERLAYS.keys() & set(names)
        if LH601.id in rules:  # an overlay of which nothing can be built is there as well
            more |= set(environments(root)) - built.environments.keys()
        for name in more:
            parts = builder.build(roots(root, name))
            built.environments[name] = [Application(name, overlay_folder(name), False, builds=parts)]
    return built


def _known_to_git(root: Path) -> tuple[list[str] | None, list[str]]:
    """The files of a checkout and the URLs of its remotes; no list of files without git."""
    try:
        with Repository(root) as repository:
            return repository.files(root), repository.remotes()
    except HarnessError:
        return None, []
