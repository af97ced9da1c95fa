import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.deploy.git import Scratch, with_files, working_tree
from harness.clusters.deploy.served import transport
from harness.errors import HarnessError


def traces(root: Path) -> dict[str, bytes]:
    """Everything in .git, objects and index included."""
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()}


def test_uncommitted_changes_are_a_commit_of_their_own_and_leave_the_checkout_alone(checkout: Any) -> None:
    root, git = checkout
    (root / "kept.txt").write_text("changed\n")
    (root / "folder" / "gone.txt").unlink()
    (root / "new.txt").write_text("not yet added\n")
    (root / "noise.log").write_text("ignored\n")
    git("add", "kept.txt")
    (root / "kept.txt").write_text("changed again\n")
    before = traces(root)
    head = git("rev-parse", "HEAD").strip()
    with Scratch(root) as scratch:
        commit = working_tree(scratch)
        assert commit != head
        assert scratch.run("rev-parse", f"{commit}^").strip() == head
        assert scratch.run("ls-tree", "-r", "--name-only", commit).split() == [".gitignore", "kept.txt", "new.txt"]
        assert scratch.run("show", f"{commit}:kept.txt") == "changed again\n"
        assert working_tree(scratch) == commit
    assert traces(root) == before
    with pytest.raises(subprocess.CalledProcessError):
        git("cat-file", "-e", commit)


def test_a_clean_checkout_is_its_own_commit(checkout: Any) -> None:
    root, git = checkout
    with Scratch(root) as scratch:
        assert working_tree(scratch) == git("rev-parse", "HEAD").strip()


def test_a_checkout_without_a_commit_is_served_too(checkout: Any, tmp_path: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    (root / "a.txt").write_text("a\n")
    with Scratch(root) as scratch:
        assert scratch.run("ls-tree", "-r", "--name-only", working_tree(scratch)).split() == ["a.txt"]


def test_the_same_files_give_the_same_commit(checkout: Any) -> None:
    root, _ = checkout
    (root / "kept.txt").write_text("changed\n")
    names = []
    for _ in range(2):
        with Scratch(root) as scratch:
            names.append(with_files(scratch, working_tree(scratch), {"more.txt": b"more\n"}, "More"))
    assert names[0] == names[1]


def test_files_are_written_and_removed_on_top_of_a_commit(checkout: Any) -> None:
    root, _ = checkout
    with Scratch(root) as scratch:
        base = working_tree(scratch)
        commit = with_files(scratch, base, {"a b/ü.txt": b"x\r\n", "folder/gone.txt": None}, "Two")
        assert scratch.read("show", f"{commit}:a b/ü.txt") == b"x\r\n"
        names = scratch.read("ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")
        assert names == [".gitignore", "a b/ü.txt", "kept.txt", ""]
        assert with_files(scratch, base, {"kept.txt": b"one\n"}, "Nothing") == base


def test_a_folder_within_a_checkout_is_refused(checkout: Any) -> None:
    root, _ = checkout
    with Scratch(root / "folder") as scratch, pytest.raises(HarnessError, match="run this at the top of it"):
        working_tree(scratch)


def test_no_checkout_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"not a git repository.*correct that"), Scratch(tmp_path):
        pass


def test_a_push_through_a_command_reaches_a_repository_behind_it(checkout: Any, tmp_path: Path) -> None:
    """As in the cluster, but with `env` where kubectl is, and a word that holds what the transport would split at.

    Like kubectl it hands over none of the variables that git here runs with.
    """
    root, _ = checkout
    (root / "kept.txt").write_text("changed\n")
    server = tmp_path / "server.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(server)], check=True)
    nothing = ["env", "--ignore-environment", "ODD=100% of it", f"PATH={os.environ['PATH']}"]
    address = transport(nothing, str(server))
    with Scratch(root) as scratch:
        commit = working_tree(scratch)
        scratch.run("-c", "protocol.ext.allow=always", "push", "--quiet", address, f"{commit}:refs/heads/main")
    done = subprocess.run(["git", "show", "main:kept.txt"], cwd=server, capture_output=True, text=True, check=True)
    assert done.stdout == "changed\n"


def test_files_are_written_and_removed_in_a_bare_repository_too(checkout: Any, tmp_path: Path) -> None:
    _, git = checkout
    server = tmp_path / "server.git"
    git("clone", "--quiet", "--bare", ".", str(server))
    with Scratch(server) as scratch:
        commit = with_files(scratch, "HEAD", {"folder/gone.txt": None, "new.txt": b"new\n"}, "Two")
        assert scratch.run("ls-tree", "-r", "--name-only", commit).split() == [".gitignore", "kept.txt", "new.txt"]
