"""The gold tables against what plain Python makes of the API's records, compared by chispa."""

import datetime as dt
import json
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.gold import GOLD
from tests.live import frames
from tests.live.platform import REGION, Platform
from tests.live.proof import Proof, Taken
from tests.oracle.gold import GOLD as ORACLE
from tests.oracle.lakehouse import Expected

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("table", GOLD)
def test_gold_is_exactly_what_the_api_sent(
    spark: SparkSession, layout: Layout, expected: Expected, table: str
) -> None:
    actual = frames.read(spark, layout.gold(table), ORACLE[table].schema)
    frames.assert_same(actual, frames.gold(spark, expected, table))


def test_the_days_are_worth_comparing(expected: Expected, days: tuple[Taken, Taken]) -> None:
    """Nothing above would show a difference that the data has no example of."""
    by_date = {entry.ingestion_date: entry for entry in expected.ledger}
    first, second = (by_date[day.ingestion.date] for day in days)
    assert (first.added, first.changed, first.removed) == (first.total, 0, 0)
    assert min(second.added, second.changed, second.removed) > 0
    assert min(first.rejected, second.rejected, second.duplicates) > 0
    assert len(expected.gold("breweries_by_country")) > 5
    assert any(row["city"] is None for row in expected.gold("breweries_by_type_and_location"))


@pytest.mark.parametrize("table", GOLD)
def test_gold_of_the_first_day_is_a_version_away(
    spark: SparkSession, layout: Layout, proof: Proof, days: tuple[Taken, Taken], table: str
) -> None:
    (first,) = proof.days([days[0]])
    versions = {
        json.loads(row["userMetadata"])["run_id"]: row["version"]
        for row in spark.sql(f"DESCRIBE HISTORY delta.`{layout.gold(table)}`").collect()
        if row["userMetadata"]
    }
    actual = frames.read(spark, layout.gold(table), ORACLE[table].schema, versions[first.run_id])
    frames.assert_same(actual, frames.gold(spark, Expected([first]), table))


@pytest.mark.parametrize("table", GOLD)
def test_another_reader_than_spark_sees_the_same(platform: Platform, expected: Expected, table: str) -> None:
    access_key, secret_key = platform.credentials("jupyter")
    delta = DeltaTable(
        f"s3://lakehouse/gold/{table}",
        storage_options={
            "AWS_ENDPOINT_URL": platform.s3_endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
        },
    )

    def ordered(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps(row, default=dt.date.isoformat) for row in rows)

    columns = frames.columns(ORACLE[table].schema)
    rows = delta.to_pyarrow_table(columns=list(columns)).to_pylist()
    assert ordered(rows) == ordered(expected.gold(table))


def test_every_table_and_column_explains_itself(spark: SparkSession, layout: Layout) -> None:
    for table in GOLD:
        path = layout.gold(table)
        assert spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["description"]
        schema = spark.read.format("delta").load(path).schema
        assert all(field.metadata.get("comment") for field in schema), table
