"""Days: compared with a plain reading of every brewery of both days."""

import json
from collections import Counter
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pipeline.mock_api.catalog import BACK_AFTER, Catalog, GeneratedBreweries, GivenBreweries, counted_as
from harness.pipeline.mock_api.generator import Generator

LATEST = 12

PINNED_DAY_9 = "7e346cf63cb5bc9387aa14883f36002bfbbffa16d15d1d50300e54497bfe5ac3"
"""SHA-256 of day 9 of 700 breweries: whoever changes it changes everyone's expectations."""


@cache
def catalog(count: int, records: bool = False) -> Catalog:
    """A small catalog, generated or of records; its days do not depend on which."""
    if records:
        generator = Generator(99)
        return Catalog(GivenBreweries([generator.brewery(index) for index in range(count)]), seed=5)
    return Catalog(GeneratedBreweries(5, count), seed=5)


@cache
def shown(count: int, records: bool, day: int) -> dict[str, dict[str, Any]]:
    """Every brewery of a day by id, read one after the other."""
    breweries = list(catalog(count, records).at(day))
    by_id = {brewery["id"]: brewery for brewery in breweries}
    assert len(by_id) == len(breweries)
    return by_id


def test_data_that_does_not_change_is_the_same_on_every_day() -> None:
    records = [Generator(99).brewery(index) for index in range(70)]
    given = Catalog(GivenBreweries(records), seed=5, changes=False)
    for day in (0, 1, LATEST):
        assert list(given.at(day)) == records
    changes = given.changes(0, LATEST)
    assert not changes.added | changes.changed | changes.removed


counts = st.sampled_from([1, 2, 3, 10, 57, 700])
days = st.integers(0, LATEST)


@settings(max_examples=150)
@given(counts, st.booleans(), days, days)
def test_changes_are_what_a_reader_of_both_days_finds(count: int, records: bool, one: int, other: int) -> None:
    before, after = sorted((one, other))
    old, new = shown(count, records, before), shown(count, records, after)
    changes = catalog(count, records).changes(before, after)
    assert changes.added == new.keys() - old.keys()
    assert changes.removed == old.keys() - new.keys()
    assert changes.changed == {key for key in old.keys() & new.keys() if old[key] != new[key]}


@settings(max_examples=50)
@given(counts, st.booleans(), days, st.integers(0, 60), st.integers(0, 60))
def test_the_order_of_the_ids_is_that_of_their_text(
    count: int, records: bool, day: int, start: int, size: int
) -> None:
    everything = shown(count, records, day)
    expected = [everything[brewery_id] for brewery_id in sorted(everything)]
    assert catalog(count, records).at(day).by_id(start, start + size) == expected[start : start + size]


@settings(max_examples=50)
@given(counts, st.booleans(), days)
def test_totals_and_look_up_agree_with_the_list(count: int, records: bool, day: int) -> None:
    snapshot = catalog(count, records).at(day)
    everything = shown(count, records, day)
    assert len(snapshot) == len(everything)
    assert snapshot.counts == Counter(map(counted_as, everything.values()))
    for brewery_id, brewery in everything.items():
        assert snapshot.find(brewery_id) == brewery
    for brewery_id in shown(count, records, 0).keys() - everything.keys():
        assert snapshot.find(brewery_id) is None


@pytest.mark.parametrize("records", [False, True])
def test_each_day_adds_changes_and_removes(records: bool) -> None:
    for day in range(1, LATEST + 1):
        changes = catalog(700, records).changes(day - 1, day)
        assert changes.added
        assert changes.changed
        assert changes.removed or day > 2
        # 0.5 %, 1 % and 0.2 % of 700.
        assert len(changes.changed) in (6, 7)
        assert len(shown(700, records, day)) != len(shown(700, records, day - 1))


def test_day_0_is_the_source() -> None:
    generator = Generator(99)
    assert list(catalog(57, records=True).at(0)) == [generator.brewery(index) for index in range(57)]


def test_what_is_there_on_both_days_keeps_its_order() -> None:
    old, new = list(shown(700, False, 0)), list(shown(700, False, LATEST))
    both = set(old) & set(new)
    assert [key for key in old if key in both] == [key for key in new if key in both]


def test_some_removed_breweries_come_back() -> None:
    there = [set(shown(700, False, day)) for day in range(LATEST + 1)]
    back = {
        key
        for day in range(2, LATEST + 1)
        for key in there[day] - there[day - 1]
        if any(key in there[earlier] for earlier in range(day - 1))
    }
    assert back
    for key in back:
        away = [day for day in range(LATEST + 1) if key not in there[day]]
        assert len(away) == BACK_AFTER


def test_closed_and_every_other_kind_of_change_happen() -> None:
    kinds: set[str] = set()
    for day in range(1, LATEST + 1):
        old, new = shown(700, False, day - 1), shown(700, False, day)
        for key in catalog(700).changes(day - 1, day).changed:
            kinds.update(field for field in old[key] if old[key][field] != new[key][field])
            if new[key]["brewery_type"] == "closed" != old[key]["brewery_type"]:
                kinds.add("closed down")
    assert kinds == {
        *("name", "brewery_type", "phone", "website_url", "address_1", "street", "longitude", "latitude"),
        "closed down",
    }


def test_changes_go_forward() -> None:
    with pytest.raises(ValueError, match="before <= after"):
        catalog(10).changes(2, 1)


def test_a_million_breweries_are_not_made_to_show_one() -> None:
    class Counting(GeneratedBreweries):
        made = 0

        def brewery(self, index: int) -> dict[str, Any]:
            Counting.made += 1
            return super().brewery(index)

    snapshot = Catalog(Counting(1, 1_000_000), seed=1).at(1)
    last = snapshot[len(snapshot) - 1]
    assert snapshot.find(last["id"]) == last
    assert Counting.made <= 2


def test_a_later_day_is_pinned() -> None:
    lines = "".join(json.dumps(brewery, separators=(",", ":")) + "\n" for brewery in catalog(700).at(9))
    assert sha256(lines.encode()).hexdigest() == PINNED_DAY_9


def test_a_brewery_that_is_as_it_was_has_not_changed() -> None:
    # With this seed the only brewery closes on day 1 and opens again on day 2.
    once = Catalog(GivenBreweries([Generator(99).brewery(0)]), seed=39)
    original = once.brewery(0, 0)
    assert [once.brewery(0, day)["brewery_type"] for day in (0, 1, 2)] == ["micro", "closed", "micro"]
    assert once.changes(0, 1).changed == once.changes(1, 2).changed == {original["id"]}
    assert once.brewery(0, 2) == original
    assert not once.changes(0, 2).changed
