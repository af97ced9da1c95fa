import datetime as dt

import pytest

from harness.pipeline.embedded.simulation import day_number, next_date
from harness.pipeline.mock_api.catalog import MAX_DAY


def test_the_first_run_is_day_zero() -> None:
    assert day_number(next_date([])) == 0


def test_each_run_adds_a_day_after_the_newest() -> None:
    assert next_date([dt.date(2025, 3, 1), dt.date(2025, 2, 27)]) == dt.date(2025, 3, 2)


def test_days_count_across_a_leap_day() -> None:
    assert day_number(dt.date(2028, 3, 1)) == 3 * 365 + 31 + 29


@pytest.mark.parametrize("date", ["2024-12-31", "2034-12-31", "2999-01-01"])
def test_there_is_nothing_before_the_first_day_and_after_the_last(date: str) -> None:
    with pytest.raises(ValueError, match=f"no data for {date}, only from 2025-01-01 to 2034-12-30"):
        day_number(dt.date.fromisoformat(date))


def test_the_last_day_is_one_that_the_mock_api_serves() -> None:
    assert day_number(dt.date(2034, 12, 30)) == MAX_DAY
