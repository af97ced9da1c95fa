"""A data set's history, replayed: six versions as six days, with a gap, a repeated date and a backfill."""

import datetime as dt
import unicodedata
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from tests.oracle.gold import GOLD
from tests.oracle.lakehouse import Day, Expected
from tests.spark.against_oracle import assert_silver

pytestmark = [pytest.mark.spark, pytest.mark.days]

Record = dict[str, Any]

STEPS: Final = (
    ("2026-03-01", 0),
    ("2026-03-02", 1),
    # Two days on which nothing was ingested.
    ("2026-03-05", 2),
    # The date is ingested again when the next version is out.
    ("2026-03-06", 2),
    ("2026-03-06", 3),
    ("2026-03-09", 5),
    # A version that was published before the one that silver has.
    ("2026-03-08", 4),
)
"""Date -> version, in the order in which they are ingested."""


def history() -> list[list[Record]]:
    """Six versions of forty breweries, each with the kind of change that published data has seen."""
    places = (("Oregon", "United States"), ("Bayern", "Germany"), ("Leinster", "Ireland"))
    old = []
    for number in range(40):
        state, country = places[number % 3]
        record: Record = {
            "id": f"id-{number:02d}",
            "name": f"Brewery {number} ",
            "brewery_type": ("micro", "Brewpub", "nano")[number % 3],
            "street": f"{number} Main St",
            "city": "Münster" if number % 2 else "Hof",
            "state": state,
            "postal_code": f"{number:05d}",
            "country": "USA" if country == "United States" else country,
            "longitude": f"{-number / 4}",
            "latitude": f"{number / 2}",
            "phone": f"+{number}" if number % 5 else "",
            "website_url": None,
        }
        old.append(record)
    # The fields that replaced others come beside them; a brewery is gone, and others are new.
    renamed = [
        {**record, "address_1": record["street"], "state_province": record["state"]}
        for record in (*old[:7], *old[8:30])
    ]
    # Coordinates are numbers, names are clean.
    typed = [
        {
            **record,
            "name": record["name"].strip(),
            "longitude": float(record["longitude"]),
            "latitude": float(record["latitude"]),
        }
        for record in renamed
    ]
    # One country gets another name, a record comes twice, one text is decomposed, many breweries are new.
    more = [{**record, "longitude": 200 if n == 3 else 10, "latitude": 50} for n, record in enumerate(old[30:36])]
    united = [{**r, "country": "United States" if r["country"] == "USA" else r["country"]} for r in (*typed, *more)]
    united[4]["city"] = unicodedata.normalize("NFD", "Münster")
    united.append({**united[0], "name": "Brewery 0, again"})
    # The deprecated fields go, a new one comes, one record lacks its country, some breweries are gone.
    rated = [
        {
            **{name: value for name, value in record.items() if name not in ("street", "state")},
            "rating": n % 5 or None,
        }
        for n, record in enumerate(united[3:-1])
    ]
    rated[8]["country"] = None
    # The new field is gone again, breweries are back, the order is another.
    last = [
        {name: value for name, value in r.items() if name != "rating"} for r in (*united[1:3], *rated, *old[7:8])
    ]
    return [old[:20], renamed, typed, united, rated, last[::-1]]


def test_silver_and_gold_are_right_after_each_step(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any
) -> None:
    versions = history()
    days: list[Day] = []
    for date, version in STEPS:
        manifest = bronze.write(date, [versions[version]])
        days.append(Day(dt.date.fromisoformat(date), versions[version], manifest.run_id))
        expected = Expected(days)
        bronze_to_silver.run(spark, layout)
        assert_silver(lake, layout, expected)
        silver_to_gold.run(spark, layout)
        quality_gate.run(spark, layout)
        for table in GOLD:
            actual = sorted(map(str, lake.rows(layout.gold(table))))
            assert actual == sorted(map(str, expected.gold(table))), (date, table)
    changes = [(entry.added, entry.changed, entry.removed, entry.rejected) for entry in expected.ledger]
    assert all(map(any, zip(*changes, strict=True))), "the history lacks a kind of change"
