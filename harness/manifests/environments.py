"""Which environments there are, and of which roots each one consists."""

import posixpath
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.errors import unknown
from harness.manifests.build import Root
from harness.manifests.inputs import Kustomizations
from harness.manifests.tree import Tree, working_copy

OVERLAYS: Final = "overlays"
TEST_OVERLAYS: Final = {"e2e": "tests/e2e/overlay"}
"""Environments of the tests and their folders: had by name, and in no list of environments."""


def environments(root: Path) -> list[str]:
    """The names of the environments: the folders below overlays/, sorted."""
    folder = root / OVERLAYS
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


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
    kustomizations = Kustomizations(tree)
    found = [_root(tree, kustomizations, folder, part) for part in _expand(kustomizations, folder, ())]
    included = {folder, *(part for root in found for part in _folders(root))}
    others = sorted(kustomizations.folders(folder), key=lambda path: (path.count("/"), path))
    for path in others:
        # One that only lists folders adds nothing of its own; its parts are roots.
        component = kustomizations.fields(path).get("kind") == "Component"
        if path in included or component or _parts(kustomizations, path) is not None:
            continue
        root = replace(_root(tree, kustomizations, folder, path), in_whole=False)
        included |= {path, *_folders(root)}
        found.append(root)
    return found


def root_at(checkout: Path, folder: str, name: str) -> Root:
    """A folder of a checkout as a root with a name."""
    tree = working_copy(checkout)
    return Root(name, tree, Kustomizations(tree).inputs(folder))


def aggregates(checkout: Path, environment: str) -> list[str]:
    """The kustomizations of an environment that only list folders: for people, and for building it whole."""
    folder = overlay(checkout, environment).relative_to(checkout).as_posix()
    kustomizations = Kustomizations(working_copy(checkout))
    listing = [path for path in kustomizations.folders(folder) if _parts(kustomizations, path) is not None]
    return [file for path in listing if (file := kustomizations.file(path))]


def _root(tree: Tree, kustomizations: Kustomizations, folder: str, part: str) -> Root:
    name = posixpath.basename(folder) if part == folder else posixpath.relpath(part, folder)
    return Root(name, tree, kustomizations.inputs(part))


def _folders(root: Root) -> list[str]:
    return [posixpath.dirname(file) for file in root.inputs.kustomizations]


def _expand(kustomizations: Kustomizations, folder: str, above: tuple[str, ...]) -> list[str]:
    parts = _parts(kustomizations, folder)
    if parts is None or folder in above:
        return [folder]
    found: list[str] = []
    for part in parts:
        found += [path for path in _expand(kustomizations, part, (*above, folder)) if path not in found]
    return found


def _parts(kustomizations: Kustomizations, folder: str) -> list[str] | None:
    """The folders below its own that a kustomization lists, if that is all it does."""
    parts = kustomizations.parts(folder)
    return parts if parts and all(part.startswith(f"{folder}/") for part in parts) else None
