"""How old each page is: caches on the way may serve pages that they kept at different times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

HEADERS: Final = ("Age", "Date", "ETag")
"""Of a response; the manifest keeps them."""
_MAX_HEADER: Final = 128
_ROUNDING: Final = 2.0
"""Seconds: an Age is whole, and the request took its time."""
_SKEW: Final = 60.0
"""Seconds that the clocks of the servers behind one address may differ by."""


@dataclass(frozen=True)
class Receipt:
    """When a response came, and what it says of its age.

    Attributes:
        received: Seconds on the ingestion's clock.
        headers: Those of `HEADERS` that the response had.
    """

    received: float
    headers: Mapping[str, str]

    @classmethod
    def of(cls, received: float, headers: Mapping[str, str]) -> "Receipt":
        """The receipt of a response with these headers."""
        return cls(received, {name: headers[name][:_MAX_HEADER] for name in HEADERS if name in headers})

    @property
    def made(self) -> float:
        """When the source made it, on the same clock: before it was received by its Age (RFC 9111, section 5.1)."""
        age = self.headers.get("Age", "").strip()
        return self.received - (float(age[:12]) if age.isascii() and age.isdigit() else 0.0)

    @property
    def dated(self) -> float | None:
        """When the source made it, on its own clock: for a cache that passes on the Date and gives no Age."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).timestamp()
        except (KeyError, ValueError, OverflowError):
            return None


def spread(receipts: Sequence[Receipt]) -> float:
    """How many seconds the responses were made further apart than they were received; 0 where no cache shows."""
    reading = _extent([receipt.received for receipt in receipts])
    by_age = _extent([receipt.made for receipt in receipts]) - reading
    by_date = _extent([dated for receipt in receipts if (dated := receipt.dated) is not None]) - reading
    return max(by_age if by_age > _ROUNDING else 0.0, by_date if by_date > _SKEW else 0.0)


def _extent(times: Sequence[float]) -> float:
    return max(times) - min(times) if times else 0.0
