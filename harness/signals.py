"""What stops a command while it imports modules."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from harness.errors import STOPS, interrupted


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Ends the process where a signal stops it: an exception would be printed, or lost, by what imports a module.

    Nothing has begun that needs an end in good order.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.getsignal(number) for number in STOPS}
    for number, handler in earlier.items():
        # Ignored as in a background job or under nohup, it stays so.
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _end(number: int, frame: object) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    error = interrupted(STOPS[number]())
    os.write(2, f"error: {error}\n".encode())
    os._exit(error.exit_code)
