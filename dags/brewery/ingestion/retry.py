"""When and how long to wait before asking the API again."""

import datetime as dt
import random
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential_jitter
from tenacity.stop import stop_base
from tenacity.wait import wait_base


class TransientError(Exception):
    """An answer, or none, that another attempt may better; the message completes "because …".

    Attributes:
        retry_after: Seconds that the server asked to wait.
        cut_short: The deadline ended the attempt, so that it says nothing about the server.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, cut_short: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.cut_short = cut_short


class RateLimitedError(TransientError):
    """The server is well and wants fewer requests: a matter of waiting, not of attempts."""


class UnusableAnswerError(TransientError):
    """The server is up, and its answer is not what an API like this one sends."""


class SuspiciousPageError(TransientError):
    """A page that is well-formed, but not as long as the total says: the source may have changed.

    Attributes:
        page: Its number, from 1.
        lines: The text of each of its records.
    """

    def __init__(self, page: int, lines: list[str], expected: int) -> None:
        super().__init__(f"page {page} has {len(lines)} records instead of {expected}")
        self.page = page
        self.lines = lines


class Clock:
    """Time as the ingestion sees it; a test replaces it to wait for nothing."""

    def now(self) -> float:
        """Seconds on a monotonic clock."""
        return time.monotonic()

    def wait(self, until: threading.Event, seconds: float) -> None:
        """Sleep, at the longest until the event is set."""
        until.wait(seconds)


def retry_after_seconds(header: str | None, now: dt.datetime) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms (RFC 9110, section 10.2.3).

    Args:
        header: Value of the header, if there is one.
        now: Aware time that a date is counted from.

    Returns:
        Seconds, never negative; None where there is no header, or none that can be read.

    >>> retry_after_seconds("120", dt.datetime.now(dt.timezone.utc))
    120.0
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # Anything longer than this many digits is capped anyway.
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - now).total_seconds())


class BackoffWait(wait_base):
    """Exponential backoff with jitter, or what the server asks for, capped."""

    def __init__(self, initial: float, maximum: float, retry_after_max: float) -> None:
        """Seconds: the first wait, the longest, and the longest that the server may ask for."""
        self._backoff = wait_exponential_jitter(multiplier=initial, max=maximum, jitter=initial)
        self._jitter = initial
        self._retry_after_max = retry_after_max

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait before the next attempt."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, TransientError) and error.retry_after:
            # The jitter keeps those that were refused together from coming back together.
            return min(error.retry_after, self._retry_after_max) + random.uniform(0, self._jitter)  # noqa: S311 - not a secret
        return self._backoff(retry_state)


class StopAfterFailures(stop_base):
    """Stops after so many failures, or fewer pages of the wrong length; being rate-limited is no failure.

    Counts for one call: make a new one for each.
    """

    def __init__(self, failures: int, suspicious: int) -> None:
        """Takes how many failures, and how many pages of the wrong length, are enough."""
        self._failures_left = failures
        self._suspicious_left = suspicious

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Count the outcome of an attempt; whether it was the last."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, SuspiciousPageError):
            self._suspicious_left -= 1
        elif not isinstance(error, RateLimitedError):
            self._failures_left -= 1
        return self._failures_left <= 0 or self._suspicious_left <= 0


class StopAtDeadline(stop_base):
    """Stops where the next attempt would start after the deadline."""

    def __init__(self, deadline: float, clock: Clock) -> None:
        """Takes a time of the clock."""
        self._deadline = deadline
        self._clock = clock

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether the attempt was the last."""
        return self._clock.now() + retry_state.upcoming_sleep >= self._deadline


class Gate:
    """Holds every request back while the server has asked for a pause, not only the one that it answered."""

    def __init__(self, sleep: Callable[[float], object], clock: Callable[[], float] = time.monotonic) -> None:
        """Takes what sleeps (seconds) and a monotonic clock."""
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._open_at = 0.0

    def close_for(self, seconds: float) -> None:
        """Let no request start for so long; a longer pause that is under way stays."""
        with self._lock:
            self._open_at = max(self._open_at, self._clock() + seconds)

    def wait(self) -> None:
        """Sleep until the gate is open."""
        with self._lock:
            pause = self._open_at - self._clock()
        if pause > 0:
            self._sleep(pause)
