"""Generated breweries: the same everywhere, each on its own, distributed like the published ones."""

import csv
import json
import re
import unicodedata
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pipeline.mock_api import places
from harness.pipeline.mock_api.catalog import counted_as
from harness.pipeline.mock_api.generator import BLOCK, FIELDS, Generator, apportion, changed

SEED = 1
GENERATOR = Generator(SEED)
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

PINNED = "17e84bf0b524acaa830576d1c600111ce2e0bc9ccaf50d4c6ef30e42ff6a2d76"
"""SHA-256 of the first 10,000 breweries of seed 1: whoever changes it changes everyone's expectations."""


@pytest.fixture(scope="module")
def ten_thousand() -> list[dict[str, Any]]:
    return [GENERATOR.brewery(index) for index in range(10_000)]


def test_the_first_ten_thousand_are_pinned(ten_thousand: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(brewery, separators=(",", ":")) + "\n" for brewery in ten_thousand)
    assert sha256(lines.encode()).hexdigest() == PINNED


def test_a_brewery_does_not_depend_on_those_before(ten_thousand: list[dict[str, Any]]) -> None:
    alone = Generator(SEED)
    for index in (9_999, 0, 4_096, 4_095, 123):
        assert alone.brewery(index) == ten_thousand[index]


def test_another_seed_gives_other_breweries(ten_thousand: list[dict[str, Any]]) -> None:
    other = Generator(SEED + 1)
    ids = {brewery["id"] for brewery in ten_thousand}
    assert not ids & {other.brewery(index)["id"] for index in range(10_000)}


def test_every_record_is_well_formed(ten_thousand: list[dict[str, Any]]) -> None:
    assert len({brewery["id"] for brewery in ten_thousand}) == 10_000
    for brewery in ten_thousand:
        assert tuple(brewery) == FIELDS
        assert UUID4.fullmatch(brewery["id"])
        for field in ("name", "brewery_type", "city", "state_province", "postal_code", "country"):
            text = brewery[field]
            assert text
            assert text == unicodedata.normalize("NFC", text).strip()
        assert brewery["state"] == brewery["state_province"]
        assert brewery["street"] == brewery["address_1"]
        assert (brewery["longitude"] is None) == (brewery["latitude"] is None)


def test_coordinates_are_near_the_city(ten_thousand: list[dict[str, Any]]) -> None:
    centres = {
        (country.name, region.name, city.name): city
        for country in places.WORLD
        for region in country.regions
        for city in region.cities
    }
    seen = 0
    for brewery in ten_thousand:
        centre = centres.get((brewery["country"], brewery["state_province"], brewery["city"]))
        if centre and brewery["latitude"] is not None:
            assert abs(brewery["latitude"] - centre.latitude) < 0.05
            assert abs(brewery["longitude"] - centre.longitude) < 0.05
            seen += 1
    assert seen > 2000


@given(st.integers(0, 2**32 - 1), st.sampled_from([GENERATOR, Generator(-7), Generator(2**40)]))
def test_an_id_leads_back_to_its_index(index: int, generator: Generator) -> None:
    assert generator.index_of(generator.brewery(index)["id"]) == index


@pytest.mark.parametrize("count", [0, 1, 199, BLOCK, BLOCK + 1, 10_000])
def test_totals_need_no_reading(ten_thousand: list[dict[str, Any]], count: int) -> None:
    assert GENERATOR.count_by(count) == Counter(map(counted_as, ten_thousand[:count]))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any), st.integers(0, 5000))
def test_apportion_gives_every_seat_within_one_of_the_quota(weights: list[int], seats: int) -> None:
    shares = apportion(weights, seats)
    assert sum(shares) == seats
    for weight, share in zip(weights, shares, strict=True):
        assert abs(share - weight * seats / sum(weights)) < 1


@given(st.integers(0, 100_000), st.integers(0, 2**48 - 1))
def test_a_change_is_one_and_keeps_the_identity(index: int, draw: int) -> None:
    before = GENERATOR.brewery(index)
    after = changed(before, draw)
    again = changed(after, draw)
    assert before == GENERATOR.brewery(index)
    for one, other in ((before, after), (after, again)):
        assert one != other
        assert tuple(one) == tuple(other)
        assert all(one[field] == other[field] for field in ("id", "city", "state_province", "country"))


@pytest.fixture(scope="module")
def published(sample_csv: Path) -> list[dict[str, Any]]:
    with sample_csv.open(encoding="utf-8", newline="") as file:
        return [{field: text or None for field, text in row.items()} for row in csv.DictReader(file)]


def share(records: list[dict[str, Any]], field: str, value: Any = None) -> float:
    return [record[field] for record in records].count(value) / len(records)


@pytest.mark.sample
def test_shares_are_those_of_the_published_data(
    published: list[dict[str, Any]], ten_thousand: list[dict[str, Any]]
) -> None:
    for field in ("brewery_type", "country"):
        for value in {record[field] for record in published}:
            assert share(ten_thousand, field, value) == pytest.approx(share(published, field, value), abs=0.005)
    for field in published[0]:
        assert share(ten_thousand, field) == pytest.approx(share(published, field), abs=0.015), field


@pytest.mark.sample
def test_places_are_as_many_and_as_small_as_the_published_ones(published: list[dict[str, Any]]) -> None:
    def sizes(records: list[dict[str, Any]]) -> list[int]:
        return list(
            Counter((record["country"], record["state_province"], record["city"]) for record in records).values()
        )

    real = sizes(published)
    made = sizes([GENERATOR.brewery(index) for index in range(len(published))])
    assert len(made) == pytest.approx(len(real), rel=0.2)
    assert made.count(1) == pytest.approx(real.count(1), rel=0.2)
    assert max(made) < 3 * max(real)


@pytest.mark.sample
def test_letters_beyond_ascii_are_as_common_as_in_the_published_data(
    published: list[dict[str, Any]], ten_thousand: list[dict[str, Any]]
) -> None:
    for field in ("name", "address_1", "city", "state_province"):
        real, made = (
            sum(not str(record[field]).isascii() for record in records) / len(records)
            for records in (published, ten_thousand)
        )
        assert real / 3 < made < real * 3, field
