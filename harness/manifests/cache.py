"""A cache of values by content key, in the user's cache folder.

Keys are made of everything that the value depends on, so nothing is ever out of date; what has not been used for
two weeks is dropped.
"""

import atexit
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.files import write
from harness.inert import one_line
from harness.machine.cache import cache_root, remedy

_KEEP_SECONDS: Final = 14 * 86_400
_TOUCH_SECONDS: Final = 86_400


class Cache:
    """A folder of files named by key: JSON, or bytes as they are."""

    def __init__(self, name: str) -> None:
        self.folder = _kept() / name

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def get(self, key: str) -> Any | None:
        """The cached value, or None when there is none or it cannot be read."""
        content = self.read(key)
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            return None

    def put(self, key: str, value: Any) -> None:
        self.write(key, json.dumps(value, separators=(",", ":")).encode())

    def read(self, key: str) -> bytes | None:
        try:
            with self.path(key).open("rb") as file:
                if time.time() - os.fstat(file.fileno()).st_mtime > _TOUCH_SECONDS:
                    with suppress(OSError):  # what nobody may write is read all the same
                        os.utime(file.fileno())
                return file.read()
        except OSError:
            return None

    def write(self, key: str, content: bytes) -> None:
        """Stores bytes; written aside and renamed, so that a reader never sees half of them.

        Where they cannot be stored, that is said once, and whoever asks for them again makes them again.
        """
        try:
            # Secrets that a kustomization generates are among what is kept.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self.path(key), content)
            self._prune()
        except OSError as error:
            _say_unkept(self.folder.parent, error)

    def _prune(self) -> None:
        """Drops what has not been used for two weeks; looks once a day, for there may be thousands of values."""
        mark = self.folder / ".pruned"
        now = time.time()
        try:
            if now - mark.stat().st_mtime < _TOUCH_SECONDS:
                return
        except FileNotFoundError:
            pass
        mark.touch()
        oldest = now - _KEEP_SECONDS
        for path in self.folder.glob("*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue


def in_cache(make: Callable[[Path], Path]) -> Path:
    """What is made below the folder of the cache or, where that cannot be written, below one for this process."""
    try:
        return make(_kept())
    except (OSError, HarnessError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        _say_unkept(_kept(), cause)
        return make(_for_this_process())


def _kept() -> Path:
    try:
        return cache_root() / "manifests"
    except HarnessError as error:
        _say(f"Nothing is kept: {error}")
        return _for_this_process()


@cache
def _for_this_process() -> Path:
    folder = tempfile.mkdtemp(prefix="manifests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _say_unkept(folder: Path, error: OSError) -> None:
    _say(f"Nothing is kept in {folder} ({error.strerror}): {remedy(error)}.")


@cache
def _say(text: str) -> None:
    """Says something on the standard error, once."""
    sys.stderr.write(f"{one_line(text)}\n")
