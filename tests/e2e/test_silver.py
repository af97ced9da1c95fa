"""Silver: its rows, its history, time travel, a new field of the source, rejected records, the reconciliation."""

import json

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from tests.live import frames
from tests.live.proof import Proof, Taken
from tests.oracle.lakehouse import Expected

pytestmark = pytest.mark.e2e


def test_silver_is_exactly_what_the_api_sent(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    schema = frames.SILVER + "".join(f", {name} string" for name in expected.new_columns)
    frames.assert_same(
        frames.read(spark, layout.silver_breweries, schema),
        frames.silver(spark, expected),
    )


def test_the_new_field_of_the_second_day_is_a_column(
    spark: SparkSession, layout: Layout, expected: Expected, days: tuple[Taken, Taken]
) -> None:
    silver = spark.read.format("delta").load(layout.silver_breweries)
    (field,) = [field for field in silver.schema if field.name == "rating"]
    assert (field.dataType.simpleString(), bool(field.metadata.get("comment"))) == ("string", True)
    assert 0 < silver.where("rating is not null").count() < silver.count()


def test_silver_of_the_first_day_is_a_version_away(
    spark: SparkSession, layout: Layout, proof: Proof, days: tuple[Taken, Taken]
) -> None:
    (first,) = proof.days([days[0]])
    runs = spark.read.format("delta").load(layout.silver_runs)
    (row,) = runs.where(sf.col("run_id") == first.run_id).collect()
    actual = spark.read.format("delta").option("versionAsOf", row["silver_version"]).load(layout.silver_breweries)
    assert "rating" not in actual.columns
    frames.assert_same(
        actual.select(*frames.columns(frames.SILVER)),
        frames.silver(spark, Expected([first])),
    )


def test_the_history_names_the_run_of_each_commit(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    history = spark.sql(f"DESCRIBE HISTORY delta.`{layout.silver_breweries}`").collect()
    told = "".join(row["userMetadata"] or "" for row in history)
    for entry in expected.ledger:
        assert json.dumps(entry.run_id) in told
    assert {"MERGE", "ADD COLUMNS"} <= {row["operation"] for row in history}


def test_every_bronze_record_is_accounted_for(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    frames.assert_same(
        frames.read(spark, layout.silver_runs, frames.RUNS),
        frames.runs(spark, expected),
    )
    for entry in expected.ledger:
        assert entry.bronze_records == entry.silver_records + entry.duplicates + entry.rejected


def test_rejected_records_have_their_reasons(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    rejected = frames.read(spark, layout.silver_rejected, frames.REJECTED)
    frames.assert_same(
        rejected.withColumn("reasons", sf.array_sort("reasons")),
        frames.rejected(spark, expected),
    )


def test_rejected_records_are_kept_as_they_came(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    rows = spark.read.format("delta").load(layout.silver_rejected).select("raw").collect()
    kept = sorted(json.dumps(json.loads(row["raw"]), sort_keys=True) for row in rows)
    assert kept == sorted(json.dumps(record.record, sort_keys=True) for record in expected.rejected)


def test_the_quality_gate_let_both_days_through(spark: SparkSession, layout: Layout, expected: Expected) -> None:
    results = spark.read.format("delta").load(layout.quality_results)
    for entry in expected.ledger:
        outcomes = results.where((sf.col("run_id") == entry.run_id) & (sf.col("severity") == "error")).collect()
        assert {row["gate"] for row in outcomes} == {"snapshot", "publish"}
        assert all(row["passed"] for row in outcomes)
