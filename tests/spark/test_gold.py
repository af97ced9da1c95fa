"""The gold tables from silver rows, expectations worked out by hand."""

import datetime as dt
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from lakehouse import gold
from lakehouse.tables import GOLD, SILVER_RUNS

pytestmark = pytest.mark.spark


@pytest.fixture
def counts(spark: SparkSession) -> DataFrame:
    rows = [
        ("Germany", "Bayern", "Hof", "micro", 50.3, "http://a", None, "95028", True),
        ("Germany", "Bayern", "Hof", "micro", None, "http://b", "1", None, True),
        ("Germany", "Bayern", "Hof", "brewpub", None, None, None, None, True),
        ("Germany", None, None, "micro", 1.0, None, None, None, True),
        ("Österreich", "Tirol", "Hall", "micro", 47.3, "http://c", "2", "6060", True),
        ("Österreich", "Tirol", "Hall", "closed", 47.3, "http://d", "3", "6060", False),
    ]
    schema = (
        "country string, state_province string, city string, brewery_type string, latitude double,"
        " website_url string, phone string, postal_code string, is_current boolean"
    )
    return gold.location_counts(spark.createDataFrame(rows, schema))


def expect(spark: SparkSession, actual: DataFrame, name: str, rows: list[tuple[Any, ...]]) -> None:
    schema = ", ".join(f"{column.name} {column.type}" for column in GOLD[name].columns)
    assert_df_equality(
        actual,
        spark.createDataFrame(rows, schema),
        ignore_row_order=True,
        ignore_nullable=True,
        ignore_metadata=True,
    )


def test_breweries_by_type_and_location(spark: SparkSession, counts: DataFrame) -> None:
    expect(
        spark,
        gold.breweries_by_type_and_location(counts),
        "breweries_by_type_and_location",
        [
            ("Germany", "Bayern", "Hof", "micro", 2),
            ("Germany", "Bayern", "Hof", "brewpub", 1),
            ("Germany", None, None, "micro", 1),
            ("Österreich", "Tirol", "Hall", "micro", 1),
        ],
    )


def test_breweries_by_type(spark: SparkSession, counts: DataFrame) -> None:
    expect(spark, gold.breweries_by_type(counts), "breweries_by_type", [("micro", 4), ("brewpub", 1)])


def test_breweries_by_country(spark: SparkSession, counts: DataFrame) -> None:
    expect(spark, gold.breweries_by_country(counts), "breweries_by_country", [("Germany", 4), ("Österreich", 1)])


def test_location_coverage(spark: SparkSession, counts: DataFrame) -> None:
    expect(
        spark,
        gold.location_coverage(counts),
        "location_coverage",
        [("Germany", 4, 0.5, 0.5, 0.25, 0.25), ("Österreich", 1, 1.0, 1.0, 1.0, 1.0)],
    )


def test_daily_changes(spark: SparkSession) -> None:
    schema = ", ".join(f"{column.name} {column.type}" for column in SILVER_RUNS.columns)
    now = dt.datetime(2026, 3, 2, 6)
    runs = [
        (dt.date(2026, 3, 1), "a", 12, 10, 1, 1, 10, 0, 0, 10, 0, now),
        (dt.date(2026, 3, 2), "b", 9, 9, 0, 0, 1, 3, 2, 9, 1, now),
    ]
    expect(
        spark,
        gold.daily_changes(spark.createDataFrame(runs, schema)),
        "daily_changes",
        [(dt.date(2026, 3, 1), 10, 10, 0, 0, 1, 1), (dt.date(2026, 3, 2), 9, 1, 3, 2, 0, 0)],
    )
