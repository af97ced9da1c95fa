"""Warnings about values that are valid, and yet are hardly what the source meant."""

# ruff: noqa: RUF001 - published texts have typographic characters

import json
import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from lakehouse.quality import countries, plausibility
from lakehouse.quality.expectations import Example, Outcome
from lakehouse.storage import Lakehouse

pytestmark = pytest.mark.spark

Make = Callable[..., dict[str, Any]]
D1, D2 = "2026-03-01", "2026-03-02"
OREGON: Final = {"country": "United States", "state_province": "Oregon", "latitude": 45.5, "longitude": -122.7}
SEOUL: Final = {"country": "South Korea", "latitude": 37.5, "longitude": 127.0001}

IMPLAUSIBLE: Final[dict[str, Sequence[dict[str, Any]]]] = {
    "coordinates_not_zero": (
        {"latitude": 0.0, "longitude": 0.0},
        {"latitude": -0.0, "longitude": 6.9},
        {"latitude": 50.9, "longitude": 0.0},
        {"latitude": 0.0001, "longitude": -0.002},
    ),
    "coordinates_precise": ({"latitude": 51.0, "longitude": 7.0},),
    "coordinates_in_country": (
        {**OREGON, "latitude": -45.5},
        {**OREGON, "longitude": 122.7},
        {**SEOUL, "longitude": -127.0001},
        {"latitude": 6.95, "longitude": 50.94},
        {"country": "Italy", "latitude": 11.2, "longitude": 46.2},
        {"country": "Fiji", "latitude": -17.7, "longitude": 160.1},
        {"country": "Österreich", "latitude": 52.5, "longitude": 13.4},
        {"country": "Scotland", "latitude": 51.5, "longitude": -0.1},
    ),
    "country_known": ({"country": "Un"}, {"country": "Germania Inferior"}, {"country": "${x}"}, {"country": "'\\"}),
    "country_in_one_spelling": (
        {**OREGON, "country": "USA"},
        {**OREGON, "country": "U.S."},
        {"country": "germany"},
    ),
    "type_known": ({"brewery_type": "meadery"},),
    "text_without_mojibake": (
        {"name": "Br\u00c3\u00a4u"},
        {"city": "K\u00c3\u00b6ln"},
        {"address_1": "\u00e2\u0080\u0099t Hof"},
        {"state_province": "\u00d0\u00a1\u00d0\u00b0\u00d0\u00bc"},
        {"address_2": "Caf\u221a\u00a9"},
    ),
    "text_without_replacement_characters": ({"name": "Br\ufffdu"}, {"city": "K?ln"}, {"address_3": "\ufffd"}),
    "text_without_markup": (
        {"name": "Hop &amp; Malt"},
        {"name": "<b>Hops</b>"},
        {"city": "K&#246;ln"},
        {"website_url": "https://example.org/?a=1&amp;b=2"},
        {"address_1": "Stra\\u00dfe 1"},
        {"address_2": "Back\\nyard"},
    ),
    "text_without_invisible_characters": (
        {"name": "Hops\x00"},
        {"name": "Ho\u200bps"},
        {"city": "\u202eKöln"},
        {"address_1": "1 Main St\nFloor 2"},
        {"postal_code": "50667\ue000"},
    ),
    "name_is_a_name": ({"name": "N/A"}, {"name": "---"}, {"name": "\u3164"[:0] + "!"}, {"name": "x" * 300}),
    "phone_is_a_number": ({"phone": "n/a"}, {"phone": "5.03E+09"}, {"phone": "1" * 30}, {"phone": "http://a.org"}),
    "postal_code_is_a_code": ({"postal_code": "Bayern"}, {"postal_code": "9" * 40}),
    "website_is_an_address": (
        {"website_url": "http://tbd"},
        {"website_url": "http://info@example.org"},
        {"website_url": "http://http://example.org"},
        {"website_url": "see our page"},
    ),
}
PLAUSIBLE: Final[Sequence[dict[str, Any]]] = (
    {},
    OREGON,
    SEOUL,
    {"country": "Fiji", "latitude": -16.5, "longitude": -179.9},
    {"country": "Fiji", "latitude": -17.7, "longitude": 177.4},
    {"country": "New Zealand", "latitude": -43.95, "longitude": -176.56},
    {"country": "United States", "latitude": 13.45, "longitude": 144.76},
    {"country": "United States", "latitude": 18.4, "longitude": -66.1},
    {"country": "France", "latitude": -21.1, "longitude": 55.5},
    {"country": "Portugal", "latitude": 37.74, "longitude": -25.67},
    {"country": "England", "latitude": 51.5, "longitude": -0.1},
    {"country": "Isle of Man", "latitude": 54.2, "longitude": -4.5},
    {"latitude": None, "longitude": None},
    {"name": "’t Drankorgel – Bräu & Söhne", "city": "Châteauneuf-d'Œx", "address_1": "Ærøskøbing 3 ½"},
    {"name": "Пивоварня № 1", "city": "東京", "address_1": "Łódź «Browar»"},
    {"name": "Who's Brewing? Us!", "website_url": "https://example.org/a?b=c&d=e"},
    {"name": "1516", "phone": "1-800-BEER-123", "postal_code": "D02 AF30", "website_url": "www.bräu.example.org"},
    {"phone": None, "postal_code": None, "website_url": None, "address_1": None, "city": None},
)


def flagged(spark: SparkSession, rows: Sequence[dict[str, Any]], past: plausibility.Past) -> list[dict[str, str]]:
    """For each row: the warnings about it, with the value shown."""
    names = list(rows[0])
    schema = ", ".join(f"`{name}` {'double' if name.endswith('tude') else 'string'}" for name in names)
    warnings = plausibility.implausible(past)
    frame = spark.createDataFrame([[row[name] for name in names] for row in rows], schema)
    judged = frame.selectExpr(
        "id", *(f"{warning.value} as `{name}`" for name, warning in warnings.items())
    ).collect()
    by_id = {row["id"]: {name: row[name] for name in warnings if row[name] is not None} for row in judged}
    return [by_id[row["id"]] for row in rows]


def past(rows: Sequence[dict[str, Any]]) -> plausibility.Past:
    return plausibility.Past(frozenset(row["country"] for row in rows), None, None, None)


def test_each_kind_of_implausible_value_is_named_and_nothing_else(spark: SparkSession, brewery: Make) -> None:
    cases = [(kind, changes) for kind, those in IMPLAUSIBLE.items() for changes in those]
    cases += [("", changes) for changes in PLAUSIBLE]
    rows = [brewery(f"id-{number}", **changes) for number, (_, changes) in enumerate(cases)]
    found = flagged(spark, rows, past(rows))
    wrong = [
        (kind, changes, warnings)
        for (kind, changes), warnings in zip(cases, found, strict=True)
        if set(warnings) != ({kind} if kind else set())
    ]
    assert wrong == []


def test_every_row_that_has_a_warning_is_looked_at(spark: SparkSession, brewery: Make) -> None:
    cases = [(kind, changes) for kind, those in IMPLAUSIBLE.items() for changes in those]
    rows = [brewery(f"id-{number}", **changes) for number, (_, changes) in enumerate(cases)]
    schema = ", ".join(f"`{name}` {'double' if name.endswith('tude') else 'string'}" for name in rows[0])
    frame = spark.createDataFrame([list(row.values()) for row in rows], schema).selectExpr(
        "*", "true as is_current"
    )
    counted = plausibility.implausible_rows(frame, plausibility.implausible(past(rows)))
    assert {kind: count for kind, (count, _) in counted.items()} == Counter(kind for kind, _ in cases)


def test_the_value_says_what_is_wrong(spark: SparkSession, brewery: Make) -> None:
    rows = [
        brewery("sign", **{**OREGON, "latitude": -45.5}),
        brewery("swapped", latitude=6.95, longitude=50.94),
        brewery("far", latitude=-70.5, longitude=100.5),
        brewery("text", city="K\u00c3\u00b6ln"),
        brewery("spelt", **{**OREGON, "country": "USA"}),
    ]
    values = [next(iter(warnings.values())) for warnings in flagged(spark, rows, past(rows))]
    assert values == [
        "-45.5, -122.7 is not in United States: the latitude has the wrong sign",
        "6.95, 50.94 is not in Germany: latitude and longitude are swapped",
        "-70.5, 100.5 is not in Germany",
        "city: K\u00c3\u00b6ln",
        "USA, elsewhere United States",
    ]


def test_the_rule_for_mojibake_is_ftfys(spark: SparkSession) -> None:
    chance = random.Random(7)
    # Silver's text is in normal form C; for Java alone a combining mark is a part of a word.
    alphabet = "".join(chr(code) for code in range(32, 0x460) if not unicodedata.combining(chr(code)))
    alphabet += "".join(text.replace("-", "") for text in MOJIBAKE_CATEGORIES.values()) * 3 + "ÃÂâØÙ√вЂ× " * 20
    texts = ["".join(chance.choices(alphabet, k=chance.randint(1, 5))) for _ in range(4000)]
    texts += ["Bräu", "Ã©", "Cœ", "œ1", "a Â b", "Ã b", "#[&]", "naïve café"]
    frame = spark.createDataFrame([[text] for text in texts], "text string").selectExpr(
        "text",
        f"text rlike {plausibility._literal(plausibility.mojibake())} as bad",
        f"text rlike {plausibility._literal(plausibility._SUSPICIOUS)} as suspicious",
    )
    judged = frame.collect()
    assert [row["text"] for row in judged if row["bad"] != is_bad(row["text"])] == []
    assert [row["text"] for row in judged if row["bad"] and not row["suspicious"]] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("USA", "United States"),
        ("U.S.A.", "United States"),
        ("united states of america", "United States"),
        ("The Netherlands", "Netherlands"),
        ("Deutschland", "Germany"),
        ("Côte d'Ivoire", "Ivory Coast"),
        ("日本", "Japan"),
        ("Northern Ireland", "Northern Ireland"),
        ("Un", None),
        ("", None),
        ("Oregon", None),
    ],
)
def test_countries_by_their_names(text: str, name: str | None) -> None:
    found = countries.find(text)
    assert (found and found.name) == name


def judge(spark: SparkSession, layout: Layout) -> dict[str, Outcome]:
    """Run the jobs; the outcomes of the publish gate about silver."""
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    outcomes = quality_gate.run(spark, layout)
    return {o.expectation.name: o for o in outcomes if o.expectation.table == "silver/breweries"}


@pytest.mark.days
def test_the_gate_counts_and_shows_and_never_stops(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    old = [brewery(f"b{number}") for number in range(10)]
    bronze.write(D1, [[*old, brewery("zero", latitude=0, longitude=0)]])
    first = judge(spark, layout)
    assert not first["coordinates_not_zero"].passed
    assert first["coordinates_not_zero"].observed == "1"
    assert first["coordinates_not_zero"].examples == (Example("zero", "Brewery zero", "0.0, 0.0"),)
    assert not {"country_seen_before", "type_seen_before", "share_of_nulls_steady"} & first.keys()

    gone = [{**record, "phone": None} for record in old[:3]]
    new = [
        brewery("u", country="Un"),
        brewery("t", brewery_type="nano"),
        *(brewery(f"s{number}", **{**OREGON, "latitude": -45.5}) for number in range(20)),
    ]
    bronze.write(D2, [[*gone, *old[3:], *new, brewery("zero", latitude=0, longitude=0)]])
    second = judge(spark, layout)
    failing = {name: outcome.observed for name, outcome in second.items() if not outcome.passed}
    assert failing == {
        "coordinates_not_zero": "1",
        "coordinates_in_country": "20",
        "country_known": "1",
        "country_seen_before": "21",
        "type_seen_before": "1",
        "share_of_nulls_steady": "1",
    }
    assert second["type_seen_before"].examples == (Example("t", "Brewery t", "nano"),)
    assert second["share_of_nulls_steady"].examples == (Example("", "phone", "9.1% null, 0.0% before"),)
    shown = second["coordinates_in_country"].examples
    assert 1 <= len(shown) <= 3
    assert all(example.value.startswith("-45.5, -122.7 is not in United States") for example in shown)
    kept = {
        row["expectation"]: row for row in lake.rows(layout.quality_results) if row["run_id"] and row["examples"]
    }
    assert kept["type_seen_before"]["examples"] == [{"id": "t", "name": "Brewery t", "value": "nano"}]
    assert kept["type_seen_before"]["severity"] == "warn"
    figures = json.loads(Path(layout.figures).read_text())
    assert figures["warnings"]["coordinates_in_country"] == 20
    assert figures["warnings"]["name_is_a_name"] == 0
    assert figures["failed_expectations"] == 0

    # Nothing is new any more on the next day, and what is wrong still is.
    bronze.write("2026-03-03", [[*gone, *old[3:], *new, brewery("zero", latitude=0, longitude=0)]])
    third = judge(spark, layout)
    assert {name for name, outcome in third.items() if not outcome.passed} == {
        "coordinates_not_zero",
        "coordinates_in_country",
        "country_known",
    }


@pytest.mark.days
def test_results_of_an_older_version_gain_the_examples(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("zero", latitude=0, longitude=0)]])
    judge(spark, layout)
    older = lake.frame(layout.quality_results).drop("examples")
    older.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(layout.quality_results)
    quality_gate.run(spark, layout)
    assert [row["id"] for rows in lake.rows(layout.quality_results) for row in rows["examples"] or ()] == ["zero"]


@pytest.mark.days
def test_without_the_version_before_the_rest_is_judged(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze.write(D1, [[brewery("a")]])
    bronze_to_silver.run(spark, layout)
    bronze.write(D2, [[brewery("a"), brewery("zero", country="Un", latitude=0, longitude=0)]])
    read = Lakehouse.read_version
    monkeypatch.setattr(Lakehouse, "read_version", lambda self, table, _: read(self, table, 10_000))
    outcomes = judge(spark, layout)
    assert {name for name, outcome in outcomes.items() if not outcome.passed} == {
        "coordinates_not_zero",
        "country_known",
    }
