"""Silver: snapshots are applied in order of their dates, each in one commit, with every record accounted for."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from brewery.contract.runs import date_of_folder
from lakehouse import deltalog, tables
from lakehouse import plan as planning
from lakehouse.definitions import CONTENT_COLUMNS, SILVER_BREWERIES, SILVER_REJECTED
from lakehouse.errors import CapturedException, LakehouseError, explained
from lakehouse.records import REASON_SEPARATOR
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


def held(lakehouse: Lakehouse) -> planning.Held | None:
    """What silver holds, from its log; on most days the newest commit says so."""
    return planning.resolve(deltalog.commits(lakehouse.files, lakehouse.layout.silver_breweries))


def restore(lakehouse: Lakehouse, version: int) -> bool:
    """Restore a version of silver.

    Returns:
        False if the version no longer exists: its log entries or data files were cleaned up.
    """
    path = lakehouse.layout.silver_breweries
    lakehouse.require_claim(f"restore {path} to version {version}")
    try:
        DeltaTable.forPath(lakehouse.spark, path).restoreToVersion(version)
    except CapturedException as error:
        log.warning("silver cannot be restored to version %d: %s", version, str(error).splitlines()[0])
        return False
    return True


def write_rejected(lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot) -> None:
    """Replace the rejected records of a run's date and of later ones with those of the run.

    As in the ledger, rows of a later date are left over from before a restore and will be written again.
    """
    path = lakehouse.path(SILVER_REJECTED)
    # The table is partitioned: a date without a folder has never had a row.
    replaces = any(date >= manifest.ingestion_date for date in _rejected_dates(lakehouse))
    if not snapshot.rejected_count and not replaces and deltalog.exists(lakehouse.files, path):
        return
    rows = snapshot.rejected.select(
        sf.lit(manifest.ingestion_date).alias("ingestion_date"),
        sf.lit(manifest.run_id).alias("run_id"),
        "source_file",
        "id",
        sf.split("_reasons", REASON_SEPARATOR).alias("reasons"),
        sf.col("_raw").alias("raw"),
    )
    if not snapshot.rejected_count:
        # The planner sees that the result is empty, and reads nothing.
        rows = rows.limit(0)
    with lakehouse.writing(f"write the table {path}"):
        tables.replace_since(lakehouse, SILVER_REJECTED, rows.coalesce(1), manifest.ingestion_date)


def _rejected_dates(lakehouse: Lakehouse) -> list[dt.date]:
    dates = (date_of_folder(name) for name in lakehouse.files.folders(lakehouse.layout.silver_rejected))
    return [date for date in dates if date is not None]


def drop_rejected_after(lakehouse: Lakehouse, date: dt.date) -> None:
    """Delete the rejected records of later dates."""
    path = lakehouse.path(SILVER_REJECTED)
    if any(rejected > date for rejected in _rejected_dates(lakehouse)):
        with lakehouse.writing(f"delete rows of {path}"):
            DeltaTable.forPath(lakehouse.spark, path).delete(sf.col("ingestion_date") > sf.lit(date))


def count_rejected(lakehouse: Lakehouse, date: dt.date, run_id: str) -> int:
    """Rows of a run in `silver/breweries_rejected`.

    Raises:
        LakehouseError: The table cannot be read.
    """
    if date not in _rejected_dates(lakehouse):
        return 0
    with explained(f"count the rows of {lakehouse.path(SILVER_REJECTED)}"):
        rows = lakehouse.read(SILVER_REJECTED)
        return rows.where((sf.col("ingestion_date") == sf.lit(date)) & (sf.col("run_id") == run_id)).count()


def load(lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot) -> None:
    """Replace all of silver with a first snapshot; one commit without a join."""
    date = sf.lit(manifest.ingestion_date)
    rows = snapshot.accepted.select(
        "*",
        date.alias("first_seen"),
        date.alias("last_seen"),
        sf.lit(True).alias("is_current"),
        sf.lit("added").alias("last_change"),
        date.alias("last_change_on"),
        date.alias("ingestion_date"),
        sf.lit(manifest.run_id).alias("run_id"),
    )
    with (
        lakehouse.writing(f"write the table {lakehouse.path(SILVER_BREWERIES)}"),
        tables.commit_metadata(lakehouse.spark, mark(manifest, snapshot).to_json()),
    ):
        tables.replace(lakehouse, SILVER_BREWERIES, rows, snapshot.new_columns)


def mark(manifest: Manifest, snapshot: Snapshot) -> planning.Mark:
    """What the commit says about the run."""
    return planning.Mark(
        manifest.ingestion_date,
        manifest.run_id,
        bronze_records=manifest.records,
        duplicates=snapshot.duplicates,
        rejected=snapshot.rejected_count,
    )


def merge(lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot) -> None:
    """MERGE a snapshot into silver.

    New columns are added first, in a commit of their own that changes no row.
    """
    path = lakehouse.path(SILVER_BREWERIES)
    tables.evolve(lakehouse, snapshot.new_columns)
    with lakehouse.writing(f"merge into the table {path}"):
        target = DeltaTable.forPath(lakehouse.spark, path)
        source = _merge_source(snapshot, target.toDF())
        date = sf.lit(manifest.ingestion_date)
        content = {name: sf.col(f"s.`{name}`") for name in source.columns if name not in ("_known", "id")}
        arrival = {
            **content,
            "last_seen": date,
            "is_current": sf.lit(True),
            "ingestion_date": date,
            "run_id": sf.lit(manifest.run_id),
        }
        returned = ~sf.col("t.is_current")
        changed = sf.col("t.record_hash") != sf.col("s.record_hash")
        updates: dict[str, Column] = {
            **arrival,
            "last_change": sf.when(returned, "added").when(changed, "changed").otherwise(sf.col("t.last_change")),
            "last_change_on": sf.when(returned | changed, date).otherwise(sf.col("t.last_change_on")),
        }
        inserts: dict[str, Column] = {
            **arrival,
            "id": sf.col("s.id"),
            "first_seen": date,
            "last_change": sf.lit("added"),
            "last_change_on": date,
        }
        removal: dict[str, Column] = {
            "is_current": sf.lit(False),
            "last_change": sf.lit("removed"),
            "last_change_on": date,
        }
        builder: Any = target.alias("t").merge(source.alias("s"), "t.id = s.id")
        if snapshot.rejected_count:
            builder = builder.whenMatchedUpdate("s._known and t.is_current", {"last_seen": date})
        with tables.commit_metadata(lakehouse.spark, mark(manifest, snapshot).to_json()):
            (
                builder.whenMatchedUpdate("not s._known", _quoted(updates))
                .whenNotMatchedInsert("not s._known", _quoted(inserts))
                .whenNotMatchedBySourceUpdate("t.is_current", _quoted(removal))
                .execute()
            )


def _quoted(assignments: Mapping[str, Column]) -> dict[str, Column]:
    return {f"`{name}`": value for name, value in assignments.items()}


def _merge_source(snapshot: Snapshot, target: DataFrame) -> DataFrame:
    """The accepted rows with every content column of silver, and the bare ids of rejected records.

    `_known` marks the latter: the API still lists the brewery, but its record was rejected.
    """
    own = set(SILVER_BREWERIES.column_names)
    new = [name for name in target.columns if name not in own]
    columns = [*CONTENT_COLUMNS, "coordinates_status", "record_hash", "source_file"]
    accepted = snapshot.accepted.select(
        *columns,
        *(
            sf.col(f"`{name}`") if name in snapshot.new_columns else sf.lit(None).cast("string").alias(name)
            for name in new
        ),
        sf.lit(False).alias("_known"),
    )
    if not snapshot.rejected_count:
        return accepted
    ids = snapshot.rejected.where("id is not null").select("id").distinct()
    bare = ids.join(accepted, "id", "left_anti").select("id", sf.lit(True).alias("_known"))
    return accepted.unionByName(bare, allowMissingColumns=True)


def count(lakehouse: Lakehouse, applied: planning.Held) -> LedgerRow:
    """Count in the tables what a run has left there.

    Raises:
        LakehouseError: Some bronze records are not accounted for.
    """
    run = applied.mark
    date = run.ingestion_date
    with explained(f"count the rows of {lakehouse.path(SILVER_BREWERIES)}"):
        on_date = f"last_change_on = date'{date.isoformat()}'"
        counts = (
            lakehouse.read(SILVER_BREWERIES)
            .agg(
                sf.count(sf.when(sf.col("run_id") == run.run_id, 1)).alias("silver_records"),
                *(
                    sf.expr(f"count(case when {on_date} and last_change = '{change}' then 1 end)").alias(change)
                    for change in ("added", "changed", "removed")
                ),
                sf.count(sf.when(sf.col("is_current"), 1)).alias("total"),
            )
            .collect()[0]
        )
    row = LedgerRow(
        ingestion_date=date,
        run_id=run.run_id,
        bronze_records=run.bronze_records,
        duplicates=run.duplicates,
        rejected=count_rejected(lakehouse, date, run.run_id),
        silver_version=applied.version,
        applied_at=dt.datetime.now(dt.timezone.utc),
        **counts.asDict(),
    )
    if row.unaccounted:
        raise LakehouseError(
            f"Run {run.run_id} of {date.isoformat()} has {row.bronze_records} records, but {row.silver_records} in "
            f"silver, {row.duplicates} duplicates and {row.rejected} rejected, which leaves {row.unaccounted} "
            "unaccounted for: ingest that date again, and report it if that does not help."
        )
    return row
