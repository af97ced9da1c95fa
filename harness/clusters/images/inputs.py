"""What an image is made of: the files that its Dockerfile reads, and a content key of them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.docker.image import TIME
from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.machine.process import run

OTHERS: Final = "# Without the harness"
"""Begins the part of a Dockerfile.dockerignore for stages that only a build without the harness runs."""
_FORMAT: Final = "2"
"""Raised when building changes in a way that the files do not show."""


@dataclass(frozen=True)
class Revision:
    """The commit that files are from: its hash, with `-modified` when they have changed since, and its time."""

    name: str
    time: int


def allowed(ignore: Path) -> list[str]:
    """The paths from the checkout's root that a Dockerfile.dockerignore admits for a build by the harness."""
    text, _, _ = ignore.read_text(encoding="utf-8").partition(OTHERS)
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not lines or lines[0] != "*":
        raise HarnessError(f"{ignore} must begin with a line '*': it lists what the image reads.")
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def files(ignore: Path, root: Path) -> list[Path]:
    """The files that an image reads, from the checkout's root, sorted."""
    paths: set[Path] = set()
    for name in allowed(ignore):
        path = root / name
        if not path.exists():
            raise HarnessError(f"{ignore.relative_to(root)} names {name}, which is missing: restore it with git.")
        paths.update(
            file.relative_to(root)
            for file in (path.rglob("*") if path.is_dir() else [path])
            if file.is_file() and "__pycache__" not in file.parts and file.parent.name != ".ipynb_checkpoints"
        )
    return sorted(paths)


def stage(paths: list[Path], folder: Path, root: Path) -> None:
    """Copies files to where Docker reads them, with the same modes and times on every machine."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)
        target.chmod(_mode(root / path))
    for copy in [folder, *folder.rglob("*")]:
        if copy.is_dir():
            copy.chmod(0o755)
        os.utime(copy, (TIME, TIME))


def key(paths: list[Path], dockerfile: Path, *others: str, root: Path) -> str:
    """The content key of an image: the files that it reads, its Dockerfile, and keys of what else it is made of."""
    named: list[str | Path] = []
    for path in paths:
        named += [f"{path.as_posix()} {_mode(root / path):o}", root / path]
    return content_key(_FORMAT, dockerfile, *named, *others)


def revision(paths: list[Path], root: Path) -> Revision:
    names = [path.as_posix() for path in paths]
    commit, _, time = _git(root, "log", "-1", "--format=%H %ct", "--", *names).partition(" ")
    if not commit:
        return Revision("unknown", TIME)
    modified = _git(root, "status", "--porcelain", "--", *names)
    return Revision(f"{commit}-modified" if modified else commit, int(time))


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _git(root: Path, *arguments: str) -> str:
    try:
        return run(
            ["git", "-C", root, *arguments], doing="ask git", hint="see 'git status'", env=os.environ
        ).strip()
    except HarnessError:
        return ""
