"""Pages that a cache kept at different times."""

import pytest

from brewery.ingestion.ages import Receipt, spread


def receipts(*pages: tuple[float, dict[str, str]]) -> list[Receipt]:
    return [Receipt.of(received, headers) for received, headers in pages]


def at(second: int) -> str:
    return f"Fri, 31 Jan 2025 12:{second // 60:02d}:{second % 60:02d} GMT"


@pytest.mark.parametrize(
    ("pages", "seconds"),
    [
        # Fresh, and a long reading of fresh pages.
        ([(0, {}), (5, {})], 0),
        ([(0, {"Age": "0"}), (3600, {"Age": "0"})], 0),
        # All from one moment, whenever that was.
        ([(0, {"Age": "86400"}), (5, {"Age": "86405"})], 0),
        ([(0, {"Age": "1"}), (0, {"Age": "2"})], 0),
        # One is older than the others.
        ([(0, {}), (5, {"Age": "100"})], 90),
        ([(0, {"Age": "100"}), (5, {})], 100),
        ([(0, {"Age": "50"}), (1, {"Age": "9"})], 41),
        # A Date without an Age; clocks that differ by less than a minute say nothing.
        ([(0, {"Date": at(0)}), (5, {"Date": at(5)})], 0),
        ([(0, {"Date": at(0)}), (5, {"Date": at(50)})], 0),
        ([(0, {"Date": at(0)}), (5, {"Date": at(300)})], 295),
        # What cannot be read.
        ([(0, {"Age": "old", "Date": "today"}), (5, {"Age": "-7"})], 0),
    ],
)
def test_only_pages_of_different_ages_are_apart(pages: list[tuple[float, dict[str, str]]], seconds: float) -> None:
    assert spread(receipts(*pages)) == seconds


def test_a_header_is_kept_up_to_a_limit() -> None:
    (receipt,) = receipts((0, {"ETag": "x" * 10_000, "Age": "9" * 5_000, "Server": "y"}))
    assert set(receipt.headers) == {"ETag", "Age"}
    assert max(map(len, receipt.headers.values())) == 128
    assert spread([receipt]) == 0
