import os
import subprocess
from pathlib import Path

import pytest

from harness.clusters.docker.image import TIME
from harness.clusters.images.inputs import allowed, files, key, revision, stage
from harness.errors import HarnessError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an image that reads a folder and a file of it."""
    root = tmp_path / "checkout"
    (root / "images" / "web").mkdir(parents=True)
    (root / "images" / "web" / "Dockerfile").write_text("FROM debian:bookworm-slim\nCOPY code /code\n")
    (root / "images" / "web" / "Dockerfile.dockerignore").write_text("*\n!code\n!run.sh\n**/__pycache__\n")
    (root / "code" / "__pycache__").mkdir(parents=True)
    (root / "code" / "__pycache__" / "a.pyc").write_text("compiled")
    (root / "code" / "a.py").write_text("a")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o700)
    (root / "other.py").write_text("other")
    return root


def read(checkout: Path) -> list[Path]:
    return files(checkout / "images" / "web" / "Dockerfile.dockerignore", checkout)


def made_of(checkout: Path, *others: str) -> str:
    return key(read(checkout), checkout / "images" / "web" / "Dockerfile", *others, root=checkout)


def test_what_is_read_is_what_the_ignore_file_lets_through(checkout: Path) -> None:
    assert read(checkout) == [Path("code/a.py"), Path("run.sh")]


def test_a_file_that_is_not_there_is_one_sentence(checkout: Path) -> None:
    (checkout / "run.sh").unlink()

    with pytest.raises(HarnessError, match=r"Dockerfile\.dockerignore names run\.sh, which is missing"):
        read(checkout)


def test_an_ignore_file_that_lets_everything_through_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile.dockerignore"
    file.write_text("!code\n")

    with pytest.raises(HarnessError, match=r"must begin with a line '\*'"):
        allowed(file)


def test_what_the_harness_hands_in_itself_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile.dockerignore"
    file.write_text("*\n!code\n# Without the harness, which hands in what these make:\n!go.mod\n")

    assert allowed(file) == ["code"]


def test_the_key_follows_content_and_nothing_else(checkout: Path) -> None:
    before = made_of(checkout)
    os.utime(checkout / "code" / "a.py", (1, 1))
    (checkout / "other.py").write_text("changed")
    (checkout / "code" / "__pycache__" / "b.pyc").write_text("compiled")
    # The group's and the others' rights depend on whose checkout it is.
    (checkout / "run.sh").chmod(0o755)
    assert made_of(checkout) == before

    keys = {before, made_of(checkout, "another base")}
    (checkout / "run.sh").chmod(0o644)
    keys.add(made_of(checkout))
    (checkout / "code" / "a.py").write_text("b")
    keys.add(made_of(checkout))
    (checkout / "code" / "a.py").rename(checkout / "code" / "b.py")
    keys.add(made_of(checkout))
    (checkout / "images" / "web" / "Dockerfile").write_text("FROM debian:bookworm-slim\n")
    keys.add(made_of(checkout))
    assert len(keys) == 6


def test_what_docker_reads_has_one_time_and_the_same_rights_everywhere(checkout: Path, tmp_path: Path) -> None:
    target = tmp_path / "staged"

    stage(read(checkout), target, checkout)

    sent = {
        path.relative_to(target).as_posix(): (path.stat().st_mode & 0o777, path.stat().st_mtime)
        for path in target.rglob("*")
    }
    assert sent == {"code": (0o755, TIME), "code/a.py": (0o644, TIME), "run.sh": (0o755, TIME)}
    assert (target / "code" / "a.py").read_text() == "a"


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_revision_is_the_commit_that_last_changed_the_files(checkout: Path) -> None:
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "one", "--date=@1700000000 +0000")
    first = git(checkout, "rev-parse", "HEAD")
    (checkout / "other.py").write_text("changed")
    git(checkout, "commit", "--quiet", "-a", "-m", "two")

    assert revision(read(checkout), checkout).name == first
    (checkout / "code" / "a.py").write_text("changed")
    assert revision(read(checkout), checkout).name == f"{first}-modified"


def test_outside_of_git_nothing_is_claimed(checkout: Path) -> None:
    assert revision(read(checkout), checkout).name == "unknown"
