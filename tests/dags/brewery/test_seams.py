"""Drift between pages that no count shows."""

import itertools

import pytest

from brewery.ingestion.seams import Overlap, SeamCheck


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_an_overlap_is_found_in_whatever_order_pages_come(order: tuple[int, ...]) -> None:
    pages = {1: [10, 11, 12], 2: [11, 12, 13], 3: [14, 15, 16]}
    check = SeamCheck()
    for page in order:
        check.add(page, pages[page])
    assert check.overlaps == {Overlap(page=2, records=2, fingerprint=11)}


def test_a_record_that_comes_twice_elsewhere_is_no_overlap() -> None:
    check = SeamCheck()
    for page, records in enumerate(([1, 2, 3], [4, 3, 5], [1, 6, 7]), start=1):
        check.add(page, records)
    assert check.overlaps == set()


def test_only_pages_whose_neighbours_are_missing_are_kept() -> None:
    check = SeamCheck()
    for page in range(1, 1001):
        check.add(page, [page])
    assert list(check._waiting) == [1000]
