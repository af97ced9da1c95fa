"""Duplicates within a snapshot."""

from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession

from lakehouse import snapshot

pytestmark = pytest.mark.spark

SCHEMA = "id string, name string, source_file string, _position bigint, _reasons string"


def row(id: str | None, name: str, page: int, position: int, reasons: str = "") -> tuple[Any, ...]:
    return (id, name, f"page-{page:05d}.jsonl.gz", position, reasons)


def test_the_last_page_wins_then_the_last_line(spark: SparkSession) -> None:
    """`distinct` would keep both rows of a brewery that changed while the pages were read."""
    frame = spark.createDataFrame(
        [
            row("a", "old", 1, 900),
            row("a", "new", 2, 5),
            row("b", "first line", 3, 10),
            row("b", "second line", 3, 11),
            row("b", "page before", 2, 99),
            row("c", "alone", 1, 901),
            row("d", "page nine", 9, 1),
            row("d", "page 100000", 100000, 0),
        ],
        SCHEMA,
    )
    taken = snapshot.take(frame, {})
    expected = spark.createDataFrame(
        [("a", "new"), ("b", "second line"), ("c", "alone"), ("d", "page 100000")], "id string, name string"
    )
    assert_df_equality(taken.accepted.select("id", "name"), expected, ignore_row_order=True)
    assert (taken.records, taken.duplicates, taken.rejected_count, taken.accepted_count) == (8, 4, 0, 4)
    taken.release()


def test_rejected_records_displace_no_good_one(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [
            row("a", "good", 1, 1),
            row("a", "bad", 2, 1, "missing:country"),
            row(None, "worse", 2, 2, "missing:id,missing:country"),
        ],
        SCHEMA,
    )
    taken = snapshot.take(frame, {})
    assert [r["name"] for r in taken.accepted.collect()] == ["good"]
    assert sorted(r["name"] for r in taken.rejected.collect()) == ["bad", "worse"]
    assert (taken.duplicates, taken.rejected_count) == (0, 2)
    assert taken.reasons == {"missing:country": 2, "missing:id": 1}
    taken.release()


def test_an_empty_snapshot(spark: SparkSession) -> None:
    taken = snapshot.take(spark.createDataFrame([], SCHEMA), {})
    assert (taken.records, taken.duplicates, taken.rejected_count, taken.accepted_count) == (0, 0, 0, 0)
    taken.release()
