"""One writer at a time: Delta's commit protocol is safe for one writer on a plain file system."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from harness.errors import HarnessError
from harness.exits import ExitCode
from harness.pipeline.embedded.holder import Holder, in_use

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
            raise HarnessError(in_use(lakehouse, Holder.parse(handle.read())), exit_code=ExitCode.IN_USE) from None
        except OSError as error:
            raise HarnessError(
                f"{lakehouse} is on a file system that cannot lock files ({error.strerror}), so nothing would keep "
                "a second run away: name a folder on another one with --lakehouse."
            ) from None
        _write(handle, json.dumps(Holder.this_process().fields()))
        yield handle.fileno()
        _write(handle, "")


def _write(handle: IO[str], text: str) -> None:
    handle.truncate(0)
    handle.write(text)
    handle.flush()
