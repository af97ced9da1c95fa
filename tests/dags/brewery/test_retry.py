"""When the API is asked again."""

import datetime as dt
import threading
from email.utils import format_datetime

import pytest
from tenacity import RetryCallState, Retrying

from brewery.ingestion.retry import (
    BackoffWait,
    Gate,
    RateLimitedError,
    StopAfterFailures,
    StopAtDeadline,
    SuspiciousPageError,
    TransientError,
    retry_after_seconds,
)
from tests.dags.brewery.conftest import FakeClock

NOW = dt.datetime(2025, 1, 31, 12, 0, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 120 ", 120),
        (format_datetime(NOW + dt.timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - dt.timedelta(days=1), usegmt=True), 0),
        ("Friday, 31-Jan-25 12:01:00 GMT", 60),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_both_forms_of_retry_after_are_understood(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def state(error: Exception, attempt: int) -> RetryCallState:
    call = RetryCallState(Retrying(), None, (), {})
    call.attempt_number = attempt
    call.set_exception((type(error), error, None))
    return call


def test_waits_double_up_to_the_limit_with_jitter_on_top() -> None:
    wait = BackoffWait(initial=1, maximum=10, retry_after_max=60)
    for attempt, base in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (50, 10)):
        assert base <= wait(state(TransientError("x"), attempt)) <= min(base + 1, 10)


def test_retry_after_wins_over_the_backoff_and_is_capped() -> None:
    wait = BackoffWait(initial=1, maximum=10, retry_after_max=60)
    assert 30 <= wait(state(TransientError("x", retry_after=30), 1)) <= 31
    assert 60 <= wait(state(TransientError("x", retry_after=86400), 1)) <= 61


def test_retry_after_zero_is_no_leave_to_ask_at_once() -> None:
    assert BackoffWait(initial=1, maximum=10, retry_after_max=60)(state(TransientError("x", retry_after=0), 1)) >= 1


def test_attempts_are_for_failures_and_not_for_being_rate_limited() -> None:
    failed, limited, odd = TransientError("x"), RateLimitedError("x"), SuspiciousPageError(1, [], 50)
    stop = StopAfterFailures(failures=2, suspicious=2)
    assert [stop(state(error, 1)) for error in (failed, limited, odd, limited, limited, failed)] == [False] * 5 + [
        True
    ]
    stop = StopAfterFailures(failures=9, suspicious=2)
    assert [stop(state(error, 1)) for error in (odd, failed, odd)] == [False, False, True]


def test_no_attempt_starts_after_the_deadline() -> None:
    clock = FakeClock()
    stop = StopAtDeadline(clock.now() + 10, clock)
    call = state(TransientError("x"), 1)
    call.upcoming_sleep = 9
    assert not stop(call)
    clock.wait(threading.Event(), 1)
    assert stop(call)


def test_the_gate_holds_everyone_until_the_longest_pause_is_over() -> None:
    slept: list[float] = []
    now = 100.0
    gate = Gate(slept.append, lambda: now)
    gate.wait()
    gate.close_for(30)
    gate.close_for(5)
    gate.wait()
    now = 131.0
    gate.wait()
    assert slept == [30]
