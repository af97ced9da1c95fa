"""Quantities, such as `500m` and `1Gi`, and durations."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<suffix>[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?"
)
_SUFFIXES: Final[dict[str, Fraction]] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}


def quantity(value: Any) -> Fraction | None:
    """The number that a Kubernetes quantity stands for (apimachinery's resource.Quantity); None for anything else.

    >>> quantity("1000m") == quantity(1) == quantity("1e0")
    True
    >>> quantity("1Gi") == quantity("1024Mi")
    True
    """
    return None if isinstance(value, bool) or not isinstance(value, str | int | float) else _read(str(value))


@lru_cache(maxsize=10_000)
def _read(text: str) -> Fraction | None:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = Fraction(match["number"]), match["suffix"] or ""
    if suffix in _SUFFIXES:
        return number * _SUFFIXES[suffix]
    if not suffix:
        return number
    exponent = int(suffix[1:])
    return number * Fraction(10) ** exponent if abs(exponent) <= 100 else None


_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdwMy]))+")
_PART: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|[smhdwMy])")
_SECONDS: Final[dict[str, Fraction]] = {
    "ms": Fraction(1, 1000),
    **{name: Fraction(count) for name, count in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400))},
    **{name: Fraction(days * 86_400) for name, days in (("w", 7), ("M", 30), ("y", 365))},
}


def duration(value: Any) -> Fraction | None:
    """The seconds of a duration; of a size or a number without a unit, the number; None for anything else.

    >>> duration("1h30m") == duration("90m") == 5400
    True
    >>> duration(7) == 7 and duration("50GB") == quantity("50G") and duration("P1D") is None
    True
    """
    if isinstance(value, str) and _DURATION.fullmatch(value):
        parts = _PART.finditer(value)
        return sum((Fraction(part["number"]) * _SECONDS[part["unit"]] for part in parts), Fraction())
    return quantity(value.removesuffix("B") if isinstance(value, str) else value)
