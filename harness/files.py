"""Files that appear whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a file to write beside `path`, which then takes its place; when writing fails, `path` stays as it was.

    Whoever reads meanwhile sees the old content or the new one; of two writers the last one wins.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        # mkstemp lets nobody else read it; this is what a plain open() would have set.
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Yields a temporary folder."""
    try:
        with tempfile.TemporaryDirectory(prefix=prefix) as name:
            yield Path(name)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise HarnessError(
            f"The temporary folder {tempfile.gettempdir()} is full: make room there, or set TMPDIR to another one, "
            "then run it again."
        ) from error


def write(path: Path, content: str | bytes) -> None:
    """Writes a whole file; its folder must exist."""
    with replacing(path) as aside:
        aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_output(path: Path, content: str) -> None:
    """Writes the file of an --output, and its folder."""
    with _named(path):
        _check_kind(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content if content.endswith("\n") else f"{content}\n")


def check_output(path: Path, room: int) -> None:
    """Finds out, as far as that can be known, whether `write_output` can write so many bytes; makes its folder."""
    with _named(path):
        _check_kind(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as trial:
            os.posix_fallocate(trial.fileno(), 0, room)


def _check_kind(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file but a device")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"{path} cannot be written ({error.strerror}): name another --output.") from error
