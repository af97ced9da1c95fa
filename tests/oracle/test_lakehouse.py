"""The oracle, by examples written by hand."""

import datetime as dt
from typing import Any

import pytest

from tests.oracle.lakehouse import Day, Expected, cleaned

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 3, day) for day in (2, 3, 4))


def brewery(brewery_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": brewery_id,
        "name": f"Brewery {brewery_id}",
        "brewery_type": "micro",
        "city": "Hof",
        "state_province": "Bayern",
        "postal_code": "95028",
        "country": "Germany",
        "longitude": 11.9,
        "latitude": 50.3,
        "phone": None,
        "website_url": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"name": "\u00a0 Bräu\t"}, "name", "Bräu"),
        ({"name": "Bra\u0308u"}, "name", "Br\u00e4u"),
        ({"brewery_type": " Micro "}, "brewery_type", "micro"),
        ({"city": "  "}, "city", None),
        ({"state_province": None, "state": "Tirol"}, "state_province", "Tirol"),
        ({"state_province": "Bayern", "state": "Tirol"}, "state_province", "Bayern"),
        ({"street": "Markt 1"}, "address_1", "Markt 1"),
        ({"longitude": "11.9", "latitude": "50.3"}, "longitude", 11.9),
        ({"longitude": None}, "latitude", None),
        ({"longitude": None}, "coordinates_status", "invalid"),
        ({"longitude": 181.0}, "coordinates_status", "invalid"),
        ({"longitude": None, "latitude": None}, "coordinates_status", "missing"),
        ({"rating": 4.5}, "rating", "4.5"),
        ({"rating": None}, "rating", None),
    ],
)
def test_a_record_is_cleaned(changes: dict[str, Any], column: str, value: object) -> None:
    row, reasons = cleaned(brewery("a", **changes))
    assert (row[column], reasons) == (value, frozenset())


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"name": " "}, {"missing:name"}),
        ({"country": None, "name": None}, {"missing:name", "missing:country"}),
        ({"name": 42}, {"retyped:name:number"}),
        ({"city": {"name": "Hof"}}, {"retyped:city:object"}),
        ({"phone": True}, {"retyped:phone:boolean"}),
    ],
)
def test_a_record_is_rejected_with_its_reasons(changes: dict[str, Any], reasons: set[str]) -> None:
    assert cleaned(brewery("a", **changes))[1] == reasons


@pytest.fixture
def lakehouse() -> Expected:
    """Three days: b changes and comes twice, c goes and comes back, d is rejected, e brings a new field."""
    return Expected(
        [
            Day(MONDAY, [brewery("a"), brewery("b"), brewery("c", country="Österreich"), brewery("d")], "r1"),
            Day(
                TUESDAY,
                [
                    brewery("a"),
                    brewery("b", name="Old"),
                    brewery("d", name=None),
                    brewery("e", rating=4.5, city=None, latitude=None, longitude=None, phone="1"),
                    brewery("b", name="New"),
                    brewery("f", country=""),
                ],
                "r2",
            ),
            Day(WEDNESDAY, [brewery("a"), brewery("b", name="New"), brewery("c", country="Österreich")], "r3"),
        ]
    )


def test_the_ledger_accounts_for_every_record(lakehouse: Expected) -> None:
    counts = ("bronze_records", "silver_records", "duplicates", "rejected", "added", "changed", "removed", "total")
    assert [[getattr(entry, name) for name in counts] for entry in lakehouse.ledger] == [
        [4, 4, 0, 0, 4, 0, 0, 4],
        [6, 3, 1, 2, 1, 1, 1, 4],
        [3, 3, 0, 0, 1, 0, 2, 3],
    ]


def test_silver_remembers(lakehouse: Expected) -> None:
    silver = lakehouse.silver
    told = ("is_current", "last_change", "last_change_on", "first_seen", "last_seen", "run_id")
    assert {key: [row[name] for name in told] for key, row in silver.items()} == {
        "a": [True, "added", MONDAY, MONDAY, None, "r1"],
        "b": [True, "changed", TUESDAY, MONDAY, None, "r2"],
        "c": [True, "added", WEDNESDAY, MONDAY, None, "r3"],
        "d": [False, "removed", WEDNESDAY, MONDAY, TUESDAY, "r1"],
        "e": [False, "removed", WEDNESDAY, TUESDAY, TUESDAY, "r2"],
    }
    assert (lakehouse.new_columns, silver["e"]["rating"]) == (["rating"], "4.5")
    assert {row["id"]: row["rating"] for row in lakehouse.silver_rows()} == {**dict.fromkeys("abcd"), "e": "4.5"}
    assert silver["b"]["name"] == "New"


def test_rejected_records_say_where_they_came_from(lakehouse: Expected) -> None:
    assert [(r.ingestion_date, r.run_id, r.source_file, r.id, set(r.reasons)) for r in lakehouse.rejected] == [
        (TUESDAY, "r2", "page-00001.jsonl.gz", "d", {"missing:name"}),
        (TUESDAY, "r2", "page-00001.jsonl.gz", "f", {"missing:country"}),
    ]


def test_gold_is_built_from_current_rows_and_the_ledger(lakehouse: Expected) -> None:
    assert lakehouse.gold("breweries_by_country") == [
        {"country": "Germany", "brewery_count": 2},
        {"country": "Österreich", "brewery_count": 1},
    ]
    assert [row["ingestion_date"] for row in lakehouse.gold("daily_changes")] == [MONDAY, TUESDAY, WEDNESDAY]


def test_a_re_ingested_date_replaces_what_it_was() -> None:
    once = Expected([Day(MONDAY, [brewery("a")]), Day(TUESDAY, [brewery("b")])])
    again = Expected([Day(MONDAY, [brewery("x")]), Day(TUESDAY, [brewery("b")]), Day(MONDAY, [brewery("a")])])
    assert again.silver == once.silver
    assert again.gold("daily_changes") == once.gold("daily_changes")
