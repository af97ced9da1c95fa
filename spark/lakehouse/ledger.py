"""The ledger `silver/runs`: which run silver holds for each date, and what it counted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields

from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from lakehouse import deltalog
from lakehouse.errors import LakehouseError, explained
from lakehouse.session import interpreted
from lakehouse.storage import Files
from lakehouse.tables import SILVER_RUNS, replace, rows_frame


def read_ledger(spark: SparkSession, files: Files, layout: Layout) -> list[LedgerRow]:
    """All rows in order of their dates, none where there is no ledger; `applied_at` is aware, UTC."""
    if not deltalog.exists(files, layout.silver_runs):
        return []
    names = [field.name for field in fields(LedgerRow)]
    with explained(f"read the table {layout.silver_runs}"), interpreted(spark):
        # As text: the Python driver would otherwise shift timestamps to its own time zone.
        frame = spark.read.format("delta").load(layout.silver_runs)
        rows = frame.withColumn(
            "applied_at", sf.date_format("applied_at", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
        ).collect()
    ledger = []
    for row in rows:
        values = {name: row[name] for name in names}
        values["applied_at"] = dt.datetime.fromisoformat(values["applied_at"]).replace(tzinfo=dt.timezone.utc)
        ledger.append(LedgerRow(**values))
    return sorted(ledger, key=lambda row: row.ingestion_date)


def require_ledger(spark: SparkSession, files: Files, layout: Layout) -> list[LedgerRow]:
    """As `read_ledger`, of a silver that has to hold something.

    Raises:
        LakehouseError: It does not.
    """
    rows = read_ledger(spark, files, layout)
    if not rows:
        raise LakehouseError(f"Silver in {layout.root} holds no run yet: run bronze_to_silver first.")
    return rows


def entered(rows: Sequence[LedgerRow], row: LedgerRow) -> list[LedgerRow]:
    """The ledger with a run in it, in place of what it says about the run's date and later ones.

    Runs are applied in order of their dates, so what the ledger has about later dates is from before a restore.
    """
    return [*(earlier for earlier in rows if earlier.ingestion_date < row.ingestion_date), row]


def write_ledger(spark: SparkSession, layout: Layout, rows: Sequence[LedgerRow]) -> None:
    """Write the whole ledger, one commit: a row for each day is little, and replacing some of them costs more."""
    values = [{name: _plain(value) for name, value in vars(row).items()} for row in rows]
    with explained(f"write the table {layout.silver_runs}"), interpreted(spark):
        replace(rows_frame(spark, SILVER_RUNS, values), SILVER_RUNS, layout.silver_runs)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
