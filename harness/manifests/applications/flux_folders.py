"""The kustomization that Flux generates for a folder that has none."""

import posixpath
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.inputs import KUSTOMIZATION_NAMES
from harness.manifests.patterns import matches
from harness.manifests.tree import Tree, UnreadableError

_IGNORE_FILE: Final = ".sourceignore"
# fmt: off
_ALWAYS_IGNORED: Final = (
    ".git/", ".gitignore", ".gitmodules", ".gitattributes", "*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv",
    "*.tar.gz", "*.zip", ".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml",
    "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml", "**/.goreleaser.yml", "**/.sops.yaml",
    "**/.flux.yaml",
)
# fmt: on


def generated_kustomization(tree: Tree, folder: str, ignored: str) -> dict[str, Any]:
    """Its fields: all manifests below the folder, where a folder with a kustomization counts as a whole."""
    lines = [(".", line) for line in _ALWAYS_IGNORED]
    lines += [line for path in sorted(tree.paths()) for line in _lines_of(tree, path)]
    lines += [(".", line) for line in ignored.splitlines()]
    resources = [
        posixpath.relpath(path, folder)
        for path in _manifests(tree, folder)
        if not _is_ignored(path, lines, is_folder=tree.is_folder(path))
    ]
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}


def _lines_of(tree: Tree, path: str) -> Iterator[tuple[str, str]]:
    """The lines of a file that says what is ignored, with the folder in which they hold."""
    if posixpath.basename(path) == _IGNORE_FILE:
        try:
            text = tree.text(tree.resolve(path))
        except (UnreadableError, KeyError):
            return
        for line in text.splitlines():
            yield posixpath.dirname(path) or ".", line


def _manifests(tree: Tree, folder: str) -> Iterator[str]:
    for name in tree.folders.get(folder, []):
        path = posixpath.normpath(posixpath.join(folder, name))
        if tree.is_folder(path):
            if not set(KUSTOMIZATION_NAMES).isdisjoint(tree.folders[path]):
                yield path
            else:
                yield from _manifests(tree, path)
        elif name.endswith((".yaml", ".yml")):
            yield path


def _is_ignored(path: str, lines: list[tuple[str, str]], *, is_folder: bool) -> bool:
    """Whether the last line that fits a path ignores it, as in a .gitignore."""
    ignored = False
    for folder, line in lines:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        body = pattern.removeprefix("!").strip("/")
        where = body if "/" in pattern.removeprefix("!").rstrip("/") else f"**/{body}"
        at = posixpath.dirname(path) if pattern.endswith("/") and not is_folder else path
        if matches(at, posixpath.join(folder, where, "**")):
            ignored = not pattern.startswith("!")
    return ignored
