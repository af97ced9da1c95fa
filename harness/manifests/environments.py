"""Which environments there are, and of which roots each one consists."""

import itertools
import posixpath
from pathlib import Path
from typing import Final

from harness.errors import unknown
from harness.manifests.build import Root
from harness.manifests.discover import expand, tops
from harness.manifests.inputs import Kustomizations
from harness.manifests.settings import Settings, read
from harness.manifests.tree import working_copy

OVERLAYS: Final = "overlays"
TEST_OVERLAYS: Final = {
    "aws": "tests/aws/overlay",
    "e2e": "tests/e2e/overlay",
    "nodes": "tests/nodes/overlay",
    "sign-in": "tests/sign_in_cluster/overlay",
}
"""Environments of the tests and their folders: had by name, and in no list of environments."""


def environments(root: Path) -> list[str]:
    folder = root / OVERLAYS
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def overlay_folder(environment: str) -> str:
    return TEST_OVERLAYS.get(environment, f"{OVERLAYS}/{environment}")


def overlay(root: Path, environment: str) -> Path:
    """The folder of an environment's overlay.

    Raises:
        HarnessError: There is no such environment.
    """
    test_overlay = root / TEST_OVERLAYS.get(environment, OVERLAYS)
    if environment in TEST_OVERLAYS and test_overlay.is_dir():
        return test_overlay
    known = environments(root)
    if environment not in known:
        raise unknown("environment", environment, known)
    return root / OVERLAYS / environment


def roots(checkout: Path, environment: str) -> list[Root]:
    """The roots of an environment.

    An overlay that only lists folders is the sum of them, so they are built one by one (at the same time, and again
    only when changed). An overlay that does more is one root. Folders with a kustomization.yaml that the overlay
    leaves out (an Argo CD Application may still point to them) are roots of their own.

    Raises:
        HarnessError: There is no such environment.
    """
    folder = overlay(checkout, environment).relative_to(checkout).as_posix()
    tree = working_copy(checkout)
    kustomizations, settings = Kustomizations(tree), read(tree)
    whole = expand(kustomizations, folder, settings, folder)
    others = [expand(kustomizations, top, settings, folder) for top in tops(kustomizations, settings, folder)]
    return [
        Root(_name(folder, part), tree, kustomizations.inputs(part), in_whole=part in whole)
        for part in dict.fromkeys([*whole, *itertools.chain(*others)])
    ]


def root_at(checkout: Path, folder: str, name: str) -> Root:
    tree = working_copy(checkout)
    return Root(name, tree, Kustomizations(tree).inputs(folder))


def aggregates(checkout: Path, environment: str) -> list[str]:
    """The kustomizations of an environment that only list folders: for people, and for building it whole."""
    folder = overlay(checkout, environment).relative_to(checkout).as_posix()
    tree = working_copy(checkout)
    return listing(Kustomizations(tree), read(tree), folder)


def listing(kustomizations: Kustomizations, settings: Settings, folder: str) -> list[str]:
    """The kustomizations in a folder that only list others."""
    paths = [
        path for path in kustomizations.folders(folder) if expand(kustomizations, path, settings, folder) != [path]
    ]
    return [file for path in paths if (file := kustomizations.file(path))]


def _name(folder: str, part: str) -> str:
    return posixpath.basename(folder) if part == folder else posixpath.relpath(part, folder)
