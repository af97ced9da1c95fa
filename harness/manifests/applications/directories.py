"""Folders of plain manifests, of which Argo CD takes the files that `spec.source.directory` selects."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.manifests.globs import argocd_glob
from harness.manifests.tree import Tree

JSONNET: Final = ".jsonnet"
SKIPPED: Final = "+argocd:skip-file-rendering"
"""What a file says that Argo CD leaves out."""
_SUFFIXES: Final = (".yaml", ".yml", ".json", JSONNET)


def selected_files(tree: Tree, folder: str, options: Mapping[str, Any]) -> list[str]:
    """The files of a folder that hold manifests, or Jsonnet that makes some, sorted."""
    include, exclude = str(options.get("include") or "*"), str(options.get("exclude") or "")
    suffixes = () if options.get("disableExtensionFilter") else _SUFFIXES
    return sorted(
        path
        for path in _files(tree, folder, recurse=bool(options.get("recurse")))
        if (not suffixes or path.endswith(suffixes))
        and argocd_glob(include).fullmatch(name := posixpath.relpath(path, folder))
        and not (exclude and argocd_glob(exclude).fullmatch(name))
    )


def _files(tree: Tree, folder: str, *, recurse: bool) -> Iterator[str]:
    for name in tree.folders.get(folder, []):
        path = posixpath.normpath(posixpath.join(folder, name))
        if not tree.is_folder(path):
            yield path
        elif recurse:
            yield from _files(tree, path, recurse=True)
