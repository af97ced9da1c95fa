"""The suite's comparison, rehearsed: two days of the mock API through the pipeline on this machine."""

import datetime as dt
from typing import Any

import pytest
from chispa import DataFramesNotEqualError
from chispa.schema_comparer import SchemasNotEqualError
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from tests.live import frames
from tests.live.brewery_api import BreweryApi
from tests.oracle.gold import GOLD as ORACLE
from tests.oracle.lakehouse import Day, Expected

pytestmark = [pytest.mark.spark, pytest.mark.days]

DAYS = (
    (dt.date(2026, 3, 2), ["dirty:share=0.02", "duplicates:count=3"]),
    (dt.date(2026, 3, 3), ["dirty:share=0.03", "new-field:field=rating,type=number,share=0.3"]),
)


@pytest.fixture(scope="module")
def pipeline(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Spark session, lakehouse and expectation after the two days."""
    root = tmp_path_factory.mktemp("lakehouse")
    days = []
    with MockApi(breweries=450) as api:
        source = BreweryApi(api.url)
        settings = Settings.from_env({"LAKEHOUSE_URI": str(root), "BREWERY_API_URL": f"{api.url}/v1"})
        for number, (date, faults) in enumerate(DAYS):
            source.show(number, faults)
            run = ingest(settings, Storage.for_uri(str(root)), date)
            days.append(Day(date, source.records(), run.manifest_path.split("run_id=")[1].split("/")[0]))
            layout = Layout(str(root))
            bronze_to_silver.run(spark, layout)
            silver_to_gold.run(spark, layout)
            quality_gate.run(spark, layout)
    return spark, Layout(str(root)), Expected(days)


def test_silver(pipeline: Any) -> None:
    spark, layout, expected = pipeline
    assert expected.new_columns == ["rating"]
    actual = frames.read(spark, layout.silver_breweries, f"{frames.SILVER}, rating string")
    frames.assert_same(actual, frames.silver(spark, expected))


def test_ledger_and_rejected(pipeline: Any) -> None:
    spark, layout, expected = pipeline
    assert min(entry.rejected for entry in expected.ledger) > 0
    assert expected.ledger[0].duplicates == 3
    frames.assert_same(
        frames.read(spark, layout.silver_runs, frames.RUNS),
        frames.runs(spark, expected),
    )
    rejected = frames.read(spark, layout.silver_rejected, frames.REJECTED)
    frames.assert_same(
        rejected.withColumn("reasons", sf.array_sort("reasons")),
        frames.rejected(spark, expected),
    )


def test_a_difference_shows(pipeline: Any) -> None:
    spark, layout, expected = pipeline
    actual = frames.read(spark, layout.gold("breweries_by_type"), ORACLE["breweries_by_type"].schema)
    wanted = expected.gold("breweries_by_type")
    wanted[0]["brewery_count"] += 1
    with pytest.raises(DataFramesNotEqualError):
        frames.assert_same(actual, frames.frame(spark, wanted, ORACLE["breweries_by_type"].schema))
    with pytest.raises(DataFramesNotEqualError):
        frames.assert_same(actual.limit(1), actual)
    with pytest.raises(SchemasNotEqualError):
        frames.assert_same(actual.withColumn("brewery_count", sf.col("brewery_count").cast("int")), actual)
