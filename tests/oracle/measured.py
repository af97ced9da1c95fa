"""Runs a command of the harness with a cache of its own, and measures it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.machine.cache import cache_root


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
        seconds: Of processor time, with the programs that it started.
        megabytes: Of its largest process.
    """

    code: int
    seconds: float
    megabytes: int
    said: str


def measured(arguments: Sequence[str], folder: Path) -> Measured:
    """Runs `harness` with a cache in a folder, which has only the programs of the user's cache at first."""
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    for name in ("go", "packages"):
        programs = cache_root() / name
        if programs.exists() and not (cache / name).exists():
            (cache / name).symlink_to(programs)
    said = folder / "said.txt"
    with said.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            env={**os.environ, "HARNESS_CACHE_DIR": str(cache)},
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
    return Measured(
        os.waitstatus_to_exitcode(status),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss // 1024,
        said.read_text(encoding="utf-8").strip(),
    )
