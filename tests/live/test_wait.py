import pytest

from harness.errors import HarnessError
from tests.live.wait import HopelessError, until


class Time:
    now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_first_answer_ends_the_wait() -> None:
    time, answers = Time(), iter([None, None, 0])
    assert until(lambda: next(answers), what="", seconds=9, clock=time.clock, sleep=time.sleep) == 0
    assert time.now == 2


def test_what_cannot_recover_ends_the_wait_at_once() -> None:
    time = Time()

    def probe() -> None:
        raise HopelessError("The image is not there.")

    with pytest.raises(HopelessError, match="not there"):
        until(probe, what="", seconds=9, clock=time.clock, sleep=time.sleep)
    assert time.now == 0


def test_when_the_time_is_over_it_says_what_it_waited_for_and_how_things_stand() -> None:
    time = Time()
    with pytest.raises(HarnessError, match=r"^Waited 3 s in vain: the run ends \(now: queued\)\.$"):
        until(
            lambda: None, what="the run ends", seconds=3, state=lambda: "queued", clock=time.clock, sleep=time.sleep
        )
    assert 3 < time.now < 5
