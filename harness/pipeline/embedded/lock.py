"""One writer at a time: Delta's commit protocol is safe for one writer on a plain file system."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.exits import ExitCode


@contextlib.contextmanager
def exclusive(lakehouse: Path) -> Iterator[None]:
    """Hold the lakehouse for this process; the kernel releases it when the process ends, however it ends."""
    path = lakehouse / ".lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise HarnessError(
                f"Another run (process {holder}) is writing to {lakehouse}: wait for it to end, "
                "or name another folder with --lakehouse.",
                exit_code=ExitCode.IN_USE,
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
        handle.truncate(0)
