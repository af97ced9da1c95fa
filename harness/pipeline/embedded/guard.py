"""Ends the worker, and whatever the worker started, however those who wait for it die.

The process forks. Its child goes on as the worker; it itself, the guard, only watches. It knows that the front has
died from the lifeline, a pipe whose other end the front alone holds, so that the kernel closes it; that the worker
has ended, from a process descriptor. The kernel kills the worker if the guard is killed. Descendants cannot escape
by a session or group of their own: the guard is the parent of those that lost theirs.
"""

import ctypes
import os
import select
import signal
from contextlib import suppress
from typing import Final

import psutil

from harness.errors import STOPS

STOP_SECONDS: Final = 20
"""How long a worker that is stopped may take to unwind before it is killed."""
_JAVA_SECONDS: Final = 10
"""How long Spark's Java process may take to remove its files after a worker that was stopped."""
_ARCHIVE_SECONDS: Final = 60
"""How long it may take to archive its classes as well, after a worker that ended by itself."""
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def fork_guarded(lifeline: int, events: int) -> None:
    """Returns in the child, the worker; the guard ends with the worker's exit code, 128 + N for signal N.

    Args:
        lifeline: The reading end of a pipe: a byte asks for an end in good order, its end is the front's death.
        events: File descriptor that the worker alone keeps.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    worker = os.fork()
    if worker:
        os.close(events)
        os._exit(_watch(lifeline, worker))
    os.close(lifeline)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        # The guard was killed before the kernel knew what that means.
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _watch(lifeline: int, worker: int) -> int:
    for number in STOPS:
        # A service manager signals every process of a unit; the front decides what that means.
        signal.signal(number, signal.SIG_IGN)
    ended, java = os.pidfd_open(worker), _ARCHIVE_SECONDS
    if ended not in _ready(lifeline, ended) and os.read(lifeline, 1):
        java = _JAVA_SECONDS
        os.kill(worker, signal.SIGTERM)
        _ready(lifeline, ended, seconds=STOP_SECONDS)
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    _end_descendants(java if code >= 0 else 0)
    return code if code >= 0 else 128 - code


def _ready(*descriptors: int, seconds: float | None = None) -> list[int]:
    return select.select(descriptors, [], [], seconds)[0]


def _end_descendants(seconds: float) -> None:
    """Wait for the processes that the worker left; kill those that take longer, and what they leave in turn."""
    while children := psutil.Process().children():
        _, late = psutil.wait_procs(children, timeout=seconds)
        for child in late:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(late)
