"""The user's cache of what was fetched or built: named by content, shared by all checkouts.

`$HARNESS_CACHE_DIR`, else `$XDG_CACHE_HOME/lakehouse-platform`, else `~/.cache/lakehouse-platform`. It can be
deleted at any time.

Only the standard library: this runs before anything is installed.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    if named := environ.get("HARNESS_CACHE_DIR"):
        root = Path(named).absolute()
    elif base := environ.get("XDG_CACHE_HOME"):
        root = Path(base) / "lakehouse-platform"
    else:
        root = Path(environ.get("HOME") or Path.home()) / ".cache" / "lakehouse-platform"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            f"The cache folder {root} cannot be made ({error.strerror}): set HARNESS_CACHE_DIR to one that can, "
            "and run it again."
        ) from None
    return root


def remedy(error: OSError) -> str:
    """What to do where the cache cannot be written."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room there" if is_full else "set HARNESS_CACHE_DIR to a folder that can be written"


def content_key(*parts: str | bytes | Path) -> str:
    """16 hexadecimal digits of the SHA-256 over texts and files, in order."""
    digest = hashlib.sha256()
    for part in parts:
        # A file's name may be no UTF-8.
        text = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        content = text.read_bytes() if isinstance(text, Path) else text
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds a file lock, which ends with the process; a second process waits, or goes on without it.

    Yields:
        Whether the lock is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = True
        except BlockingIOError:
            is_held = False
        yield is_held


def is_being_built(target: Path) -> bool:
    """Whether some process is in `built` for this folder."""
    try:
        with _lock(target).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"


def built(target: Path, build: Callable[[Path], None]) -> Path:
    """Creates the folder `target` once and returns it: `build` fills a folder beside it, which is then renamed.

    An interrupted build leaves no `target`; of two processes, one builds it.
    """
    if target.is_dir():
        return target
    try:
        with locked(_lock(target)):
            if not target.is_dir():
                _build_aside(target, build)
    except OSError as error:
        reason = error.strerror or error
        message = f"Could not write {target} ({reason}): {remedy(error)}, and run it again."
        raise HarnessError(message) from error
    return target


def _build_aside(target: Path, build: Callable[[Path], None]) -> None:
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        aside.chmod(0o755)
        build(aside)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
