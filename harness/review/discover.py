"""Which environments a repository has, and the folders of each: from its layout, or from its configuration.

An environment's name is the folder after `overlays`, `clusters`, `environments` or `envs`; without one of these,
the last folder of the path. A kustomization belongs to an environment when nothing else refers to it.
"""

import itertools
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from harness.errors import UsageError
from harness.manifests.inputs import Kustomizations
from harness.manifests.tree import Tree, UnreadableError
from harness.review.config import Config

MARKERS: Final = frozenset({"overlays", "overlay", "clusters", "environments", "envs", "env"})
SUFFIXES: Final = (".yaml", ".yml", ".json")
_APART: Final = frozenset(
    {
        "base",
        "bases",
        "components",
        "examples",
        "fixtures",
        "node_modules",
        "test",
        "testdata",
        "tests",
        "third_party",
        "vendor",
    }
)
"""Folders whose kustomizations are an environment of their own only when the configuration says so."""
_DEPLOYERS: Final = (b"argoproj.io/", b"kustomize.toolkit.fluxcd.io/")


@dataclass(frozen=True, order=True)
class Root:
    """A folder that is part of an environment by itself.

    Attributes:
        environment: The environment.
        folder: The folder.
        plain: Whether it holds plain manifests instead of a kustomization.
        certain: Whether its place says which environment it is of.
        recurse: For plain manifests, whether those of its subfolders belong to it.
    """

    environment: str
    folder: str
    plain: bool = False
    certain: bool = True
    recurse: bool = False


def marked(folder: str) -> str:
    """The environment that a path names; empty for none.

    >>> marked("apps/web/overlays/staging"), marked("apps/web")
    ('staging', '')
    """
    parts = folder.split("/")
    for part, following in itertools.pairwise(parts):
        if part in MARKERS:
            return following
    return ""


def roots(snapshot: Tree, kustomizations: Kustomizations, config: Config) -> list[Root]:
    """The folders of every environment.

    Raises:
        HarnessError: The configuration names a folder that neither has a kustomization nor manifests.
    """
    if config.environments:
        return sorted(set(_configured(snapshot, kustomizations, config)))
    found: set[Root] = set()
    for top in _tops(kustomizations, config):
        name = marked(top)
        environment = name or (posixpath.basename(top) if top != "." else "repository")
        for folder in _expand(kustomizations, top, (), config):
            found.add(Root(environment, folder, certain=bool(name)))
    read = {path for folder in kustomizations.folders() for path in kustomizations.inputs_of(folder)}
    for folder in sorted({posixpath.dirname(path) or "." for path in _loose(snapshot, read, config)}):
        name = marked(folder)
        environment = name or (posixpath.basename(folder) if folder != "." else "repository")
        found.add(Root(environment, folder, plain=True, certain=bool(name)))
    return sorted(found)


def manifests(snapshot: Tree, folder: str, *, recurse: bool) -> list[str]:
    """The files of a folder that may hold plain manifests, sorted."""
    found = []
    for name in snapshot.folders.get(folder, []):
        path = posixpath.normpath(posixpath.join(folder, name))
        if snapshot.is_folder(path):
            if recurse:
                found += manifests(snapshot, path, recurse=True)
        elif name.endswith(SUFFIXES):
            found.append(path)
    return sorted(found)


def _configured(snapshot: Tree, kustomizations: Kustomizations, config: Config) -> Iterator[Root]:
    folders = kustomizations.folders()
    for environment, patterns in config.environments.items():
        for pattern in patterns:
            matching = [folder for folder in folders if _matches(folder, pattern)]
            inner = {child for folder in matching for child in kustomizations.referenced(folder)}
            for folder in matching:
                if folder in inner or kustomizations.fields(folder).get("kind") == "Component":
                    continue
                for part in _expand(kustomizations, folder, (), config):
                    yield Root(environment, part)
            if matching:
                continue
            plain = posixpath.normpath(pattern.removesuffix("/**"))
            if not snapshot.is_folder(plain):
                continue  # the other side may have it
            yield Root(environment, plain, plain=True, recurse=pattern.endswith("/**"))


def check(config: Config, snapshots: Iterable[Tree]) -> None:
    """Sees to it that each folder of the configuration exists at one side at least.

    Raises:
        HarnessError: One does not.
    """
    for environment, patterns in config.environments.items():
        for pattern in patterns:
            if not any(_matches(folder, pattern) for snapshot in snapshots for folder in snapshot.folders):
                raise UsageError(
                    f"[tool.harness.diff] has the folder {pattern!r} for {environment}, which there is not."
                )


def _matches(folder: str, pattern: str) -> bool:
    plain = posixpath.normpath(pattern)
    if plain.endswith("/**"):
        return folder == plain[:-3] or folder.startswith(plain[:-2])
    left, right = folder.split("/"), plain.split("/")
    return len(left) == len(right) and all(map(fnmatchcase, left, right))


def _apart(folder: str, config: Config) -> bool:
    parts = folder.split("/")
    if any(part in _APART or (part.startswith(".") and part != ".") for part in parts):
        return True
    return any(_matches(folder, pattern) for pattern in config.exclude)


def _tops(kustomizations: Kustomizations, config: Config) -> list[str]:
    """The kustomizations that no other one refers to."""
    folders = [folder for folder in kustomizations.folders() if not _apart(folder, config)]
    whole = [folder for folder in folders if kustomizations.fields(folder).get("kind") != "Component"]
    referenced = {child for folder in folders for child in kustomizations.referenced(folder)}
    tops = [folder for folder in whole if folder not in referenced]
    reached: set[str] = set()
    for top in tops:
        _reach(kustomizations, top, reached)
    for folder in whole:  # those that only refer to each other in a circle
        if folder not in reached:
            tops.append(folder)
            _reach(kustomizations, folder, reached)
    return tops


def _reach(kustomizations: Kustomizations, folder: str, reached: set[str]) -> None:
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += kustomizations.referenced(at)


def _expand(kustomizations: Kustomizations, folder: str, above: tuple[str, ...], config: Config) -> list[str]:
    """The parts of a kustomization that only lists folders, each of which is built by itself.

    One that lists a base is an overlay of it, even if it changes nothing.
    """
    parts = kustomizations.parts(folder)
    if parts is None or folder in above or any(_apart(part, config) for part in parts):
        return [folder]
    found: list[str] = []
    for part in parts:
        found += [path for path in _expand(kustomizations, part, (*above, folder), config) if path not in found]
    return found


def _loose(snapshot: Tree, read: set[str], config: Config) -> Iterator[str]:
    """The files outside of kustomizations that hold an Application or its like."""
    for path in snapshot.paths():
        if not path.endswith(SUFFIXES) or path in read or _apart(posixpath.dirname(path) or ".", config):
            continue
        try:
            content = snapshot.content(path) if snapshot.is_file(path) else b""
        except UnreadableError:
            continue
        if any(mark in content for mark in _DEPLOYERS) and b"kind:" in content:
            yield path
