"""Ids that came more than once, and on which pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brewery.ingestion import ids as module
from brewery.ingestion.ids import IdCheck


def repeated(*pages: Sequence[Mapping[str, Any] | None]) -> set[int]:
    check = IdCheck()
    for number, records in enumerate(pages, start=1):
        check.add(number, [str(record) for record in records], records)
    return check.repeated_on()


@given(st.lists(st.lists(st.text(max_size=2), max_size=8), max_size=8))
def test_the_pages_of_every_repeated_id_are_found(pages: list[list[str]]) -> None:
    everything = [brewery_id for page in pages for brewery_id in page]
    expected = {n for n, page in enumerate(pages, start=1) if any(everything.count(one) > 1 for one in page)}
    assert repeated(*([{"id": one} for one in page] for page in pages)) == expected


@pytest.mark.parametrize("brewery_id", [None, 7, ["a"], {"a": 1}])
def test_a_record_without_an_id_is_known_by_its_text(brewery_id: Any) -> None:
    assert repeated([{"id": brewery_id, "n": 1}], [{"id": brewery_id, "n": 2}]) == set()
    assert repeated([{"id": brewery_id, "n": 1}], [{"id": brewery_id, "n": 1}]) == {1, 2}


def test_a_malformed_record_is_known_by_its_text() -> None:
    assert repeated([None], [{"n": 1}], [None]) == {1, 3}


def test_the_hash_leaves_room_for_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for digest in (-(2**63), -1, 0, 2**63 - 1):
        monkeypatch.setattr(module, "hash", lambda _, digest=digest: digest, raising=False)
        check = IdCheck()
        check.add(module._PAGE_MASK, ["x"], [{"id": "x"}])
        check.add(1, ["y"], [{"id": "y"}])
        assert check.repeated_on() == {1, module._PAGE_MASK}
