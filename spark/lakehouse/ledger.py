"""The ledger `silver/runs`: which run silver holds for each date, and what it counted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields

from pyspark.sql import functions as sf

from brewery.contract.ledger import LedgerRow
from lakehouse import deltalog
from lakehouse.definitions import SILVER_RUNS
from lakehouse.errors import LakehouseError, explained
from lakehouse.session import interpreted
from lakehouse.storage import Lakehouse
from lakehouse.tables import replace, rows_frame


def read_ledger(lakehouse: Lakehouse) -> list[LedgerRow]:
    """All rows in order of their dates, none if there is no ledger; `applied_at` is aware, UTC."""
    path = lakehouse.path(SILVER_RUNS)
    if not deltalog.exists(lakehouse.files, path):
        return []
    names = [field.name for field in fields(LedgerRow)]
    with explained(f"read the table {path}"), interpreted(lakehouse.spark):
        # As text: the Python driver would otherwise shift timestamps to its own time zone.
        applied_at = sf.date_format("applied_at", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
        rows = lakehouse.read(SILVER_RUNS).withColumn("applied_at", applied_at).collect()
    ledger = []
    for row in rows:
        values = {name: row[name] for name in names}
        values["applied_at"] = dt.datetime.fromisoformat(values["applied_at"]).replace(tzinfo=dt.timezone.utc)
        ledger.append(LedgerRow(**values))
    return sorted(ledger, key=lambda row: row.ingestion_date)


def require_ledger(lakehouse: Lakehouse) -> list[LedgerRow]:
    """Like `read_ledger`.

    Raises:
        LakehouseError: The ledger is empty.
    """
    rows = read_ledger(lakehouse)
    if not rows:
        raise LakehouseError(f"Silver in {lakehouse.layout.root} holds no run yet: run bronze_to_silver first.")
    return rows


def entered(rows: Sequence[LedgerRow], row: LedgerRow) -> list[LedgerRow]:
    """The ledger with a run, which replaces the rows of its date and of later ones.

    Runs are applied in order of their dates, so rows of later dates are left over from before a restore.
    """
    return [*(earlier for earlier in rows if earlier.ingestion_date < row.ingestion_date), row]


def write_ledger(lakehouse: Lakehouse, rows: Sequence[LedgerRow]) -> None:
    """Write the whole ledger in one commit: it has a row a day, and replacing only some of them costs more."""
    values = [{name: _plain(value) for name, value in vars(row).items()} for row in rows]
    with lakehouse.writing(f"write the table {lakehouse.path(SILVER_RUNS)}"), interpreted(lakehouse.spark):
        replace(lakehouse, SILVER_RUNS, rows_frame(lakehouse.spark, SILVER_RUNS, values))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
