import datetime as dt

import pytest

from harness.pipeline.embedded.simulation import day_number, next_date


def test_the_first_run_is_day_zero() -> None:
    assert day_number(next_date([])) == 0


def test_each_run_adds_a_day_after_the_newest() -> None:
    assert next_date([dt.date(2025, 3, 1), dt.date(2025, 2, 27)]) == dt.date(2025, 3, 2)


def test_days_count_across_a_leap_day() -> None:
    assert day_number(dt.date(2028, 3, 1)) == 3 * 365 + 31 + 29


def test_there_is_nothing_before_the_first_day() -> None:
    with pytest.raises(ValueError, match="2024-12-31"):
        day_number(dt.date(2024, 12, 31))
