"""The calendar of a simulated source: each run stands for the next day.

>>> next_date([])
datetime.date(2025, 1, 1)
>>> next_date([dt.date(2025, 1, 1), dt.date(2025, 1, 4)])
datetime.date(2025, 1, 5)
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

FIRST_DATE: Final = dt.date(2025, 1, 1)
"""A fixed first day makes simulated lakehouses the same on every machine."""


def next_date(committed: Iterable[dt.date]) -> dt.date:
    """The day after the newest committed one, or the first day."""
    newest = max(committed, default=None)
    return FIRST_DATE if newest is None else newest + dt.timedelta(days=1)


def day_number(date: dt.date) -> int:
    """Day of the simulated source, from 0.

    Raises:
        ValueError: The date lies before the first day.
    """
    if date < FIRST_DATE:
        raise ValueError(f"the simulated source starts on {FIRST_DATE}, so it has no data for {date}")
    return (date - FIRST_DATE).days
