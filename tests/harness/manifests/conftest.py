"""A small checkout to render: one environment of two parts."""

from pathlib import Path

import pytest


def put(root: Path, path: str, content: str) -> Path:
    """Writes a file and the folders above it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """`overlays/here` is the sum of `one` and `two`, which both use `base/thing`."""
    root = tmp_path / "checkout"
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: thing\ndata:\n  a: '1'\n"
    put(root, "base/thing/thing.yaml", manifest)
    put(root, "base/thing/kustomization.yaml", "resources: [thing.yaml]\n")
    put(root, "overlays/here/kustomization.yaml", "resources: [one, two]\n")
    for part in ("one", "two"):
        put(
            root,
            f"overlays/here/{part}/kustomization.yaml",
            f"namespace: {part}\nresources: [../../../base/thing]\n",
        )
    return root
