"""The calendar of the mock API: each run stands for the next day.

>>> next_date([])
datetime.date(2025, 1, 1)
>>> next_date([dt.date(2025, 1, 1), dt.date(2025, 1, 4)])
datetime.date(2025, 1, 5)
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from harness.pipeline.mock_api.catalog import MAX_DAY

FIRST_DATE: Final = dt.date(2025, 1, 1)
"""Fixed, so that lakehouses of the mock API are the same on every machine."""
LAST_DATE: Final = FIRST_DATE + dt.timedelta(days=MAX_DAY)


def next_date(committed: Iterable[dt.date]) -> dt.date:
    """The day after the newest committed one, or the first day."""
    newest = max(committed, default=None)
    return FIRST_DATE if newest is None else newest + dt.timedelta(days=1)


def day_number(date: dt.date) -> int:
    """Day of the mock API's data, from 0; a ValueError for a date that has none."""
    if not FIRST_DATE <= date <= LAST_DATE:
        raise ValueError(f"the mock API has no data for {date}, only from {FIRST_DATE} to {LAST_DATE}")
    return (date - FIRST_DATE).days
