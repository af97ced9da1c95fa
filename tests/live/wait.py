"""Waits for a condition, and stops early in a state that cannot recover."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

POLL_SECONDS: Final = 1.0


class HopelessError(HarnessError):
    """The condition can never be met; the message is one sentence that says why."""


def until(
    probe: Callable[[], T | None],
    *,
    what: str,
    seconds: float,
    state: Callable[[], str] = lambda: "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Polls until `probe` returns something other than None, and returns that.

    `what` is the condition as a clause ("the run ends"); `state` says how things stand when the time is over.
    """
    start = clock()
    while True:
        answer = probe()
        if answer is not None:
            return answer
        if clock() - start > seconds:
            now = state()
            raise HarnessError(f"Waited {seconds:.0f} s in vain: {what}{f' (now: {now})' if now else ''}.")
        sleep(POLL_SECONDS)
