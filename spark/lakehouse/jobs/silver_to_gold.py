"""Silver to gold: the gold tables, staged for the quality gate."""

from pyspark import StorageLevel
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from lakehouse import gold, publish
from lakehouse.errors import explained
from lakehouse.ledger import require_ledger
from lakehouse.session import interpreted
from lakehouse.storage import Files, spark_layout


def run(spark: SparkSession, layout: Layout) -> LedgerRow:
    """Stage the gold tables from silver as it is.

    Args:
        spark: Session.
        layout: Paths.

    Returns:
        The ledger's newest row, which the tables were made from.

    Raises:
        LakehouseError: Silver holds nothing yet, or the lakehouse cannot be read or written.
    """
    layout = spark_layout(layout)
    files = Files(spark, layout.root)
    newest = require_ledger(spark, files, layout)[-1]
    with explained(f"read the table {layout.silver_breweries}"):
        counts = gold.location_counts(spark.read.format("delta").load(layout.silver_breweries))
        cached = counts.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with explained("count the breweries by location"):
            # Filled once, before the tables that are made from it are written side by side; from then on in one
            # partition, so that rolling it up shuffles nothing.
            cached.count()
        counts = cached.coalesce(1)
        with interpreted(spark):
            publish.stage(
                files,
                layout,
                {
                    "breweries_by_type_and_location": gold.breweries_by_type_and_location(counts),
                    "breweries_by_type": gold.breweries_by_type(counts),
                    "breweries_by_country": gold.breweries_by_country(counts),
                    "location_coverage": gold.location_coverage(counts),
                    "daily_changes": gold.daily_changes(
                        spark.read.format("delta").load(layout.silver_runs).coalesce(1)
                    ),
                },
                publish.Stage.of(newest),
            )
    finally:
        cached.unpersist()
    return newest
