"""The kustomizations that only list folders: what each of them has to list."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.manifests.environments import TEST_OVERLAYS, aggregates, environments, overlay, roots


def listings(root: Path) -> Iterator[tuple[Path, str]]:
    """Each of them with its text as it has to be."""
    namespaces = root / "base" / "misc" / "namespaces" / "kustomization.yaml"
    yield namespaces, _listing(namespaces, (root / "base").glob("*/namespace"))
    for name in (*environments(root), *TEST_OVERLAYS):
        whole = overlay(root, name) / "kustomization.yaml"
        below = {(root / file).parent for file in aggregates(root, name)} - {whole.parent}
        folders = {root / part.inputs.folder for part in roots(root, name)}
        yield whole, _listing(whole, {path.parent if path.parent in below else path for path in folders})


def _listing(file: Path, folders: Iterable[Path]) -> str:
    head, resources, _ = file.read_text(encoding="utf-8").partition("resources:\n")
    names = sorted(Path(os.path.relpath(folder, file.parent)).as_posix() for folder in folders)
    return head + resources + "".join(f"  - {name}\n" for name in names)
