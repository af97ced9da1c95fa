"""A checkout of one's own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Git]:
    """A repository with one commit, and a git that works in it without the settings of this machine."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    root = tmp_path / "check out"
    root.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@localhost"]
        done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout

    git("init", "--quiet", "--initial-branch=main")
    (root / ".gitignore").write_text("*.log\n")
    (root / "kept.txt").write_text("one\n")
    (root / "folder").mkdir()
    (root / "folder" / "gone.txt").write_text("two\n")
    git("add", "--all")
    git("commit", "--quiet", "--message=first")
    return root, git
