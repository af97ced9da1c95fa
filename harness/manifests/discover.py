"""Which environments a repository has, and the folders of each: from its layout, or from its configuration.

An environment's name is the folder after `overlays`, `clusters`, `environments` or `envs`; without one of these,
the last folder of the path. A kustomization belongs to an environment when nothing else refers to it.
"""

import itertools
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError
from harness.manifests.helm.chart import is_template
from harness.manifests.inputs import Kustomizations
from harness.manifests.patterns import matches
from harness.manifests.settings import Settings
from harness.manifests.tree import Tree, UnreadableError

MARKERS: Final = frozenset({"overlays", "overlay", "clusters", "environments", "envs", "env"})
SUFFIXES: Final = (".yaml", ".yml", ".json")
_BASES: Final = frozenset({"base", "bases", "components"})
"""Folders whose kustomizations are built with those that list them."""
_DEPLOYERS: Final = (b"argoproj.io/", b"kustomize.toolkit.fluxcd.io/")


@dataclass(frozen=True, order=True)
class DiscoveredRoot:
    """A folder that is part of an environment by itself.

    Attributes:
        plain: Whether it holds plain manifests instead of a kustomization.
        certain: Whether its place says which environment it is of.
        recurse: For plain manifests, whether those of its subfolders belong to it.
        top: The kustomization that only lists it and others; its own folder where there is none.
    """

    environment: str
    folder: str
    plain: bool = False
    certain: bool = True
    recurse: bool = False
    top: str = ""


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


def within(folder: str) -> str:
    """A path without the environment that it names.

    >>> within("apps/web/overlays/staging"), within("overlays/staging/web"), within("overlays/staging")
    ('apps/web', 'web', 'staging')
    """
    parts = folder.split("/")
    for index, (part, following) in enumerate(itertools.pairwise(parts)):
        if part in MARKERS:
            return "/".join(parts[:index] + parts[index + 2 :]) or following
    return folder


def roots(
    tree: Tree, kustomizations: Kustomizations, settings: Settings, other: Kustomizations | None = None
) -> list[DiscoveredRoot]:
    """The folders of every environment; `other` are the kustomizations of the tree that this one is compared with.

    Raises:
        HarnessError: The configuration names a folder that neither has a kustomization nor manifests.
    """
    if settings.environments:
        return sorted(set(_configured(tree, kustomizations, settings, other)))
    discovered: set[DiscoveredRoot] = set()
    for top in tops(kustomizations, settings):
        for folder in expand(kustomizations, top, settings, other=other):
            discovered.add(DiscoveredRoot(_environment(top), folder, certain=bool(marked(top)), top=top))
    read = {path for folder in kustomizations.folders() for path in kustomizations.inputs_of(folder)}
    for folder in {posixpath.dirname(path) or "." for path in _loose(tree, read, settings)}:
        if kustomizations.file(folder) is not None:
            continue  # deployed as its kustomization says
        discovered.add(DiscoveredRoot(_environment(folder), folder, plain=True, certain=bool(marked(folder))))
    return sorted(discovered)


def _environment(folder: str) -> str:
    return marked(folder) or (posixpath.basename(folder) if folder != "." else "repository")


def _configured(
    tree: Tree, kustomizations: Kustomizations, settings: Settings, other: Kustomizations | None
) -> Iterator[DiscoveredRoot]:
    folders = kustomizations.folders()
    for environment, patterns in settings.environments.items():
        for pattern in patterns:
            matching = [folder for folder in folders if matches(folder, pattern)]
            inner = {child for folder in matching for child in kustomizations.referenced(folder)}
            for folder in matching:
                if folder in inner or kustomizations.fields(folder).get("kind") == "Component":
                    continue
                for part in expand(kustomizations, folder, settings, other=other):
                    yield DiscoveredRoot(environment, part, top=folder)
            if matching:
                continue
            plain = posixpath.normpath(pattern.removesuffix("/**"))
            if not tree.is_folder(plain):
                continue  # the other side may have it
            yield DiscoveredRoot(environment, plain, plain=True, recurse=pattern.endswith("/**"))


def check(settings: Settings, trees: Iterable[Tree]) -> None:
    """Sees to it that each folder of the configuration exists at one side at least.

    Raises:
        HarnessError: One does not.
    """
    for environment, patterns in settings.environments.items():
        for pattern in patterns:
            if not any(matches(folder, pattern) for tree in trees for folder in tree.folders):
                raise UsageError(
                    f"[tool.harness.diff] names the folder {pattern!r} for {environment}, which does not exist."
                )


def _apart(folder: str, settings: Settings, below: str) -> bool:
    """Whether a folder belongs to no environment; a folder that is asked for is not excluded from itself."""
    parts = _steps(folder, below)
    if any(part == "node_modules" or (part.startswith(".") and part not in (".", "..")) for part in parts):
        return True
    return any(matches(folder, pattern) and not matches(below, pattern) for pattern in settings.exclude)


def _steps(folder: str, below: str) -> list[str]:
    # Most are below the top folder, and relpath asks the system for the current one.
    return (folder if below == "." else posixpath.relpath(folder, below)).split("/")


def tops(kustomizations: Kustomizations, settings: Settings, below: str = ".") -> list[str]:
    """The kustomizations below a folder that no other one refers to."""
    folders = [folder for folder in kustomizations.folders(below) if not _apart(folder, settings, below)]
    whole = [folder for folder in folders if kustomizations.fields(folder).get("kind") != "Component"]
    referenced = {child for folder in folders for child in kustomizations.referenced(folder)}
    top_folders = [folder for folder in whole if folder not in referenced]
    reached: set[str] = set()
    for top in top_folders:
        _reach(kustomizations, top, reached)
    for folder in whole:  # those that only refer to each other in a circle
        if folder not in reached:
            top_folders.append(folder)
            _reach(kustomizations, folder, reached)
    return top_folders


def _reach(kustomizations: Kustomizations, folder: str, reached: set[str]) -> None:
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += kustomizations.referenced(at)


def expand(
    kustomizations: Kustomizations,
    folder: str,
    settings: Settings,
    below: str = ".",
    above: tuple[str, ...] = (),
    other: Kustomizations | None = None,
) -> list[str]:
    """The parts of a kustomization that only lists folders below `below`, each of which is built by itself.

    One that lists a base is an overlay of it, even if it changes nothing; so is one that is more than a list at the
    `other` side of a comparison.
    """
    parts = kustomizations.parts(folder)
    apart = (_is_base(part, below) or _apart(part, settings, below) for part in parts or ())
    if parts is None or folder in above or any(apart) or any(_contains(part, (*above, folder)) for part in parts):
        return [folder]
    if other is not None and other.file(folder) and expand(other, folder, settings, below) == [folder]:
        return [folder]
    inner = [expand(kustomizations, part, settings, below, (*above, folder), other) for part in parts]
    return list(dict.fromkeys(itertools.chain(*inner)))


def _contains(folder: str, others: Iterable[str]) -> bool:
    """Whether a folder is above one of others, which kustomize takes for a circle when those include it."""
    return folder == "." or any(other.startswith(f"{folder}/") for other in others)


def _is_base(folder: str, below: str) -> bool:
    steps = _steps(folder, below)
    return ".." in steps or (below == "." and not _BASES.isdisjoint(steps))


def _loose(tree: Tree, read: set[str], settings: Settings) -> Iterator[str]:
    """The files outside of kustomizations that hold an Application or its like."""
    for path in tree.paths():
        if not path.endswith(SUFFIXES) or path in read or _apart(posixpath.dirname(path) or ".", settings, "."):
            continue
        try:
            content = tree.content(path) if tree.is_file(path) else b""
        except UnreadableError:
            continue
        if any(mark in content for mark in _DEPLOYERS) and b"kind" in content and not is_template(tree, path):
            yield path
