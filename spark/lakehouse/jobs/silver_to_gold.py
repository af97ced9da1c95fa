"""Silver to gold: the gold tables, staged for the quality gate."""

from pyspark import StorageLevel
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from lakehouse import publish
from lakehouse.definitions import SILVER_BREWERIES, SILVER_RUNS
from lakehouse.errors import explained
from lakehouse.gold import GOLD
from lakehouse.gold_table import Inputs, location_counts
from lakehouse.ledger import require_ledger
from lakehouse.session import interpreted
from lakehouse.storage import Lakehouse


def run(spark: SparkSession, layout: Layout) -> LedgerRow:
    """Stage the gold tables, built from the current state of silver.

    Returns:
        The ledger's newest row, from which the tables were built.

    Raises:
        LakehouseError: Silver holds nothing yet, or the lakehouse cannot be read or written.
    """
    lakehouse = Lakehouse.open(spark, layout)
    newest = require_ledger(lakehouse)[-1]
    with explained(f"read the table {lakehouse.path(SILVER_BREWERIES)}"):
        breweries = lakehouse.read(SILVER_BREWERIES).where("is_current")
        cached = location_counts(breweries).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with explained("count the breweries by location"):
            # The cache is filled before the tables are written in parallel. From then on the counts are in one
            # partition, so that aggregating them needs no shuffle.
            cached.count()
        inputs = Inputs(breweries, cached.coalesce(1), lakehouse.read(SILVER_RUNS).coalesce(1))
        with interpreted(spark):
            frames = {name: table.build(inputs) for name, table in GOLD.items()}
            publish.stage(lakehouse, frames, publish.Stage.of(newest))
    finally:
        cached.unpersist()
    return newest
