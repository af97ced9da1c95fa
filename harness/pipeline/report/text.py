"""Figures as people read them; shared by the terminal's tables and the HTML report."""

import datetime as dt
from typing import Any, Final

from lakehouse.definitions import Column

_STEPS: Final = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))

MISSING: Final = "not in this lakehouse, which an older version built; the next run of the pipeline adds it"


def number(value: int) -> str:
    """A count with thousands separated.

    >>> number(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def signed(value: int) -> str:
    """A change, with a sign that is as wide as a plus.

    >>> signed(40), signed(-3), signed(0)
    ('+40', '−3', '0')
    """  # noqa: RUF002 - a minus sign, not a hyphen
    if value == 0:
        return "0"
    return f"{'+' if value > 0 else '−'}{abs(value):,}"  # noqa: RUF001 - as above


def percent(share: float) -> str:
    """A share from 0 to 1; only the whole is 100 %, and only nothing is 0 %.

    >>> percent(0.5), percent(0.9996), percent(0.0004), percent(1), percent(0)
    ('50.0%', '99.9%', '0.1%', '100%', '0%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def cell(column: Column, value: Any) -> str:
    """A value of any gold table.

    >>> cell(Column("share_with_phone", "double", ""), 0.5), cell(Column("n", "bigint", ""), 1234)
    ('50.0%', '1,234')
    """
    if value is None:
        return "unknown"
    if column.type == "bigint":
        return number(value)
    if column.type == "double":
        return percent(value) if column.name.startswith("share_") else f"{value:,.6g}"
    return str(value)


def duration(seconds: float) -> str:
    """A length of time.

    >>> duration(0.25), duration(41.3), duration(125), duration(7260), duration(200_000)
    ('0.2 s', '41.3 s', '2 min 5 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    large, large_unit, small, small_unit = next(step for step in _STEPS if whole >= step[0])
    rest = whole % large // small
    return f"{whole // large} {large_unit}" + (f" {rest} {small_unit}" if rest else "")


def size(count: int) -> str:
    """Bytes in decimal units, as file managers show them.

    >>> size(999), size(1_500), size(2_000_000)
    ('999 B', '1.5 kB', '2.0 MB')
    """
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def moment(when: dt.datetime) -> str:
    """A time in UTC, to the minute.

    >>> moment(dt.datetime(2026, 3, 1, 6, 5, tzinfo=dt.UTC))
    '2026-03-01 06:05 UTC'
    """
    return f"{when.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
