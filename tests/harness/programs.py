"""Programs that stand in for real ones."""

from pathlib import Path


def program(path: Path, text: str) -> Path:
    """An executable script, for `sh` unless its first line names another interpreter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
