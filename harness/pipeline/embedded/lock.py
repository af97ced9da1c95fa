"""One writer at a time: Delta's commit protocol is safe for one writer on a plain file system."""

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from harness.errors import HarnessError
from harness.exits import ExitCode

LOCK: Final = ".lock"


@contextlib.contextmanager
def exclusive(folder: Path, lakehouse: str = "") -> Iterator[int]:
    """Hold the lakehouse whose lock is in a folder; yields a descriptor for the processes that write.

    The kernel releases the lakehouse when the last process that has the descriptor ends, however it ends.
    """
    lakehouse = lakehouse or str(folder)
    with (folder / LOCK).open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise HarnessError(in_use(lakehouse, handle.read()), exit_code=ExitCode.IN_USE) from None
        except OSError as error:
            raise HarnessError(
                f"{lakehouse} is on a file system that cannot lock files ({error.strerror}), so nothing would keep "
                "a second run away: name a folder on another one with --lakehouse."
            ) from None
        _write(handle, json.dumps(holder()))
        yield handle.fileno()
        _write(handle, "")


def _write(handle: IO[str], text: str) -> None:
    handle.truncate(0)
    handle.write(text)
    handle.flush()


def holder() -> dict[str, str | int]:
    """What a second run wants to know about this one."""
    # A password within an address is nobody else's business.
    arguments = [re.sub(r"(?<=://)[^/@\s]*@", "***@", argument) for argument in sys.argv[1:]]
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC",
        "command": shlex.join(["harness", *arguments]),
    }


def in_use(lakehouse: str, text: str) -> str:
    try:
        about = json.loads(text)
        pid, host, since, command = (about[name] for name in ("pid", "host", "since", "command"))
    except (ValueError, TypeError, KeyError):
        return (
            f"Another run is starting to write to {lakehouse}: wait for it to end, or name another folder with "
            "--lakehouse."
        )
    if ended_here(text):
        return (
            f"What `{command}` (process {pid}, since {since}) started for {lakehouse} is still ending although it "
            "was killed: run the command again in some seconds."
        )
    process = f"process {pid}" if host == socket.gethostname() else f"process {pid} on {host}"
    return (
        f"`{command}` ({process}, since {since}) is writing to {lakehouse}: wait for it to end, stop it with "
        f"`kill {pid}`, or name another folder with --lakehouse."
    )


def ended_here(text: str) -> bool:
    """Whether a holder was a process of this machine that has ended."""
    try:
        about = json.loads(text)
        return bool(about["host"] == socket.gethostname() and not Path(f"/proc/{about['pid']}").exists())
    except (ValueError, TypeError, KeyError):
        return False
