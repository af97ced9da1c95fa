"""A cache of values by content key, in the user's cache folder.

Keys are made of everything that the value depends on, so nothing is ever out of date; what has not been used for
two weeks is dropped.
"""

import json
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.files import write
from harness.inert import one_line
from harness.machine.cache import cache_root

_KEEP_SECONDS: Final = 14 * 86_400
_TOUCH_SECONDS: Final = 86_400


class Cache:
    """A folder of files named by key: JSON, or bytes as they are."""

    def __init__(self, name: str) -> None:
        self.folder = cache_root() / "manifests" / name

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
            _say(f"Nothing is kept in {self.folder.parent} ({error.strerror}): make room there.")

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


@cache
def _say(text: str) -> None:
    """Says something on the standard error, once."""
    sys.stderr.write(f"{one_line(text)}\n")
