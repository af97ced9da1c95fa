"""The gold tables from silver rows; the builders and the oracle against rows written by hand."""

import datetime as dt
import subprocess
import sys
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse.definitions import SILVER_RUNS
from lakehouse.gold import GOLD
from lakehouse.gold_table import Inputs, location_counts
from lakehouse.tables import shaped
from tests.live import frames
from tests.oracle.gold import GOLD as ORACLE

BREWERIES = [
    ("Germany", "Bayern", "Hof", "micro", 50.3, "http://a", None, "95028"),
    ("Germany", "Bayern", "Hof", "micro", None, "http://b", "1", None),
    ("Germany", "Bayern", "Hof", "brewpub", None, None, None, None),
    ("Germany", None, None, "micro", 1.0, None, None, None),
    ("Österreich", "Tirol", "Hall", "micro", 47.3, "http://c", "2", "6060"),
]
BREWERY = (
    "country string, state_province string, city string, brewery_type string, latitude double,"
    " website_url string, phone string, postal_code string"
)
NOW = dt.datetime(2026, 3, 2, 6)
RUNS = [
    (dt.date(2026, 3, 1), "a", 12, 10, 1, 1, 10, 0, 0, 10, 0, NOW),
    (dt.date(2026, 3, 2), "b", 9, 9, 0, 0, 1, 3, 2, 9, 1, NOW),
]


EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "breweries_by_type_and_location": [
        ("Germany", "Bayern", "Hof", "micro", 2),
        ("Germany", "Bayern", "Hof", "brewpub", 1),
        ("Germany", None, None, "micro", 1),
        ("Österreich", "Tirol", "Hall", "micro", 1),
    ],
    "breweries_by_type": [("micro", 4), ("brewpub", 1)],
    "breweries_by_country": [("Germany", 4), ("Österreich", 1)],
    "location_coverage": [("Germany", 4, 0.5, 0.5, 0.25, 0.25), ("Österreich", 1, 1.0, 1.0, 1.0, 1.0)],
    "daily_changes": [(dt.date(2026, 3, 1), 10, 10, 0, 0, 1, 1), (dt.date(2026, 3, 2), 9, 1, 3, 2, 0, 0)],
}


@pytest.fixture
def inputs(spark: SparkSession) -> Inputs:
    breweries = spark.createDataFrame(BREWERIES, BREWERY)
    runs = spark.createDataFrame(RUNS, ", ".join(f"{c.name} {c.type}" for c in SILVER_RUNS.columns))
    return Inputs(breweries, location_counts(breweries), runs)


@pytest.mark.spark
@pytest.mark.parametrize("name", GOLD)
def test_a_table_is_built_from_silver_and_the_ledger(spark: SparkSession, inputs: Inputs, name: str) -> None:
    expected = spark.createDataFrame(EXPECTED[name], ORACLE[name].schema)
    frames.assert_same(shaped(GOLD[name].build(inputs), GOLD[name]), expected)


@pytest.mark.parametrize("name", GOLD)
def test_the_oracle_agrees(name: str) -> None:
    current = [dict(zip(frames.columns(BREWERY), row, strict=True)) for row in BREWERIES]
    ledger = [dict(zip(SILVER_RUNS.column_names, row, strict=True)) for row in RUNS]
    columns = frames.columns(ORACLE[name].schema)
    rows = [tuple(row[column] for column in columns) for row in ORACLE[name].rows(current, ledger)]
    assert sorted(rows, key=str) == sorted(EXPECTED[name], key=str)


def test_a_table_is_named_after_its_module() -> None:
    assert {f"gold/{module}": table.name for module, table in GOLD.items()} == {
        t.name: t.name for t in GOLD.values()
    }


def test_readers_of_the_definitions_do_not_wait_for_spark() -> None:
    code = "import sys, lakehouse.gold; print(len(lakehouse.gold.GOLD), 'pyspark' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [str(len(GOLD)), "False"]
