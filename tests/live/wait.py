"""Waits for a condition, and ends early on a state that cannot recover.

>>> until(lambda: pod_ip("minio-0"), what="MinIO has an address", seconds=60)
'10.244.0.7'
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

POLL_SECONDS: Final = 1.0


class HopelessError(HarnessError):
    """What is waited for can no longer come; the message is one sentence that says why."""


def until(
    probe: Callable[[], T | None],
    *,
    what: str,
    seconds: float,
    state: Callable[[], str] = lambda: "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Ask again and again until there is an answer.

    Args:
        probe: Returns None while it is not so yet; raises `HopelessError` when it can never be so.
        what: What is waited for, as a clause: "the run ends".
        seconds: How long at most.
        state: Asked when the time is over: how things stand then.
        clock: Seconds.
        sleep: Waits for seconds.

    Returns:
        The first answer of `probe` that is not None.

    Raises:
        HarnessError: The time is over.
        HopelessError: `probe` said so.
    """
    start = clock()
    while True:
        found = probe()
        if found is not None:
            return found
        if clock() - start > seconds:
            now = state()
            raise HarnessError(f"Waited {seconds:.0f} s in vain: {what}{f' (now: {now})' if now else ''}.")
        sleep(POLL_SECONDS)
