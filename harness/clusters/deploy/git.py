"""Makes commits without touching the user's index, refs or objects.

New objects go to a folder of their own, which has the user's as an alternate.

>>> with Scratch(ROOT) as git:
...     commit = working_tree(git)
...     commit = with_files(git, commit, {"a.txt": b"changed", "b.txt": None}, "Change a, remove b")
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from harness.errors import HarnessError
from harness.machine.process import telling_line

_IDENTITY: Final = {"NAME": "harness", "EMAIL": "harness@localhost"}
_MODE: Final = "100644"
_NO_BLOB: Final = "0" * 40


class Scratch:
    """Git in a repository whose new objects and index are in a temporary folder, gone at the end of the block."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.folder = Path()
        self._more: dict[str, str] = {}

    def __enter__(self) -> Self:
        objects = self.run("rev-parse", "--git-path", "objects").strip()
        index = self.repository / self.run("rev-parse", "--git-path", "index").strip()
        self.folder = Path(tempfile.mkdtemp(prefix="harness-git-"))
        (self.folder / "objects").mkdir()
        if index.is_file():
            # A copy: git then reads only the files that changed since.
            shutil.copyfile(index, self.folder / "index")
        self._more = {
            "GIT_INDEX_FILE": str(self.folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((self.repository / objects).absolute()),
        }
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._more = {}

    def run(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        return self.read(*arguments, stdin=stdin, env=env).decode("utf-8", "replace")

    def read(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        # What a git hook that runs us has set for its own repository.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environment |= {"GIT_TERMINAL_PROMPT": "0", **self._more, **(env or {})}
        command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *arguments]
        try:
            done = subprocess.run(
                command, cwd=self.repository, env=environment, input=stdin, capture_output=True, check=False
            )
        except FileNotFoundError as error:
            missing = "git" if error.filename == "git" else self.repository
            raise HarnessError(f"{missing} is missing: install git, and run this in a checkout.") from error
        if done.returncode != 0:
            said = telling_line(done.stderr.decode("utf-8", "replace"))
            raise HarnessError(
                f"git {arguments[0]} failed in {self.repository} ({said}): correct that and try again."
            )
        return done.stdout


def working_tree(git: Scratch) -> str:
    """A commit of the files as they are on the disk, without those that git ignores.

    It is HEAD where nothing is uncommitted, else a commit on top of HEAD; the same files give the same commit.
    """
    if git.run("rev-parse", "--show-prefix").strip():
        raise HarnessError(f"{git.repository} is a folder within a git checkout: run this at the top of it.")
    git.run("add", "--all", "--", ":/")
    tree = git.run("write-tree").strip()
    # A checkout without a commit has no HEAD to build on.
    head = git.run("rev-list", "--max-count=1", "--all").strip() and git.run("rev-parse", "HEAD").strip()
    if head and git.run("rev-parse", f"{head}^{{tree}}").strip() == tree:
        return head
    return _commit(git, tree, head, "Uncommitted changes of the checkout")


def with_files(git: Scratch, commit: str, files: Mapping[str, bytes | None], message: str) -> str:
    """A commit on top of another, with files (by path from the top) written or, for None, removed.

    It is the parent itself where nothing would change.
    """
    git.run("read-tree", commit)
    entries = []
    for path, content in files.items():
        if content is None:
            entries.append(f"0 {_NO_BLOB}\t{path}")
        else:
            blob = git.run("hash-object", "-w", "--stdin", stdin=content).strip()
            entries.append(f"{_MODE} {blob}\t{path}")
    # The form that needs no work tree.
    git.run("update-index", "-z", "--index-info", stdin="".join(f"{entry}\0" for entry in entries).encode())
    tree = git.run("write-tree").strip()
    if tree == git.run("rev-parse", f"{commit}^{{tree}}").strip():
        return commit
    return _commit(git, tree, commit, message)


def _commit(git: Scratch, tree: str, parent: str, message: str) -> str:
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()}
    # The parent's date, so that the same content has the same name.
    date = git.run("show", "--no-patch", "--format=%cI", parent).strip() if parent else "2000-01-01T00:00:00Z"
    when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    parents = ["-p", parent] if parent else []
    return git.run("commit-tree", *parents, "-m", message, tree, env=who | when).strip()
