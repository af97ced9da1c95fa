"""Git repositories made for a test, and the review of a change in them."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.review.model import Review
from harness.review.review import review

Files = Mapping[str, str | bytes | None]


class Checkout:
    """A repository in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *identity, "-c", "protocol.file.allow=always", *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, files: Files) -> None:
        """Writes files; None deletes one."""
        for name, content in files.items():
            path = self.root / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Files, message: str = "change") -> str:
        """Writes files and commits all that there is; returns the commit."""
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def review(self, base: str = "HEAD", head: str = "", **options: object) -> Review:
        """Reviews a change in it."""
        return review(self.root, base, head, **options)  # type: ignore[arg-type]  # the test names the option


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


@pytest.fixture
def checkouts(tmp_path: Path) -> Callable[[str], Checkout]:
    return lambda name: Checkout(tmp_path / name)


@pytest.fixture
def layout(checkout: Checkout) -> Callable[[str], Checkout]:
    """A repository with the files of one of the folders in layouts/, committed."""

    def make(name: str) -> Checkout:
        source = Path(__file__).parent / "layouts" / name
        files = {
            path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*") if path.is_file()
        }
        checkout.commit(files)
        return checkout

    return make
