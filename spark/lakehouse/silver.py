"""Silver: apply snapshots in order of their dates, each in one commit, each accounted for."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from lakehouse import deltalog, tables
from lakehouse import plan as planning
from lakehouse.errors import CapturedException, LakehouseError, explained
from lakehouse.records import REASON_SEPARATOR
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Files

log = logging.getLogger(__name__)


def held(files: Files, layout: Layout) -> planning.Held | None:
    """What silver holds, from its log; on most days the newest commit tells it."""
    return planning.resolve(deltalog.commits(files, layout.silver_breweries))


def restore(spark: SparkSession, layout: Layout, version: int) -> bool:
    """Go back to a version of silver.

    Returns:
        False where the version cannot be had any more: its log entries or data files were cleaned up.
    """
    try:
        DeltaTable.forPath(spark, layout.silver_breweries).restoreToVersion(version)
    except CapturedException as error:
        log.warning("silver cannot go back to version %d: %s", version, str(error).splitlines()[0])
        return False
    return True


def write_rejected(files: Files, layout: Layout, manifest: Manifest, snapshot: Snapshot) -> None:
    """Put a run's rejected records in place of what the table has for its date and later ones.

    As with the ledger, what is there about a later date is from before a restore, and will be written again.
    """
    path = layout.silver_rejected
    # The table is partitioned: without a folder for a date it has never had a row for it.
    replaces = any(date >= manifest.ingestion_date for date in _rejected_dates(files, layout))
    if not snapshot.rejected_count and not replaces and deltalog.exists(files, path):
        return
    rows = snapshot.rejected.select(
        sf.lit(manifest.ingestion_date).alias("ingestion_date"),
        sf.lit(manifest.run_id).alias("run_id"),
        "source_file",
        "id",
        sf.split("reasons", REASON_SEPARATOR).alias("reasons"),
        "raw",
    )
    if not snapshot.rejected_count:
        # The planner sees that this is empty, and reads nothing for it.
        rows = rows.limit(0)
    with explained(f"write the table {path}"):
        tables.replace_since(files, rows.coalesce(1), tables.SILVER_REJECTED, path, manifest.ingestion_date)


def _rejected_dates(files: Files, layout: Layout) -> list[dt.date]:
    names = (name.partition("ingestion_date=") for name in files.folders(layout.silver_rejected))
    return [dt.date.fromisoformat(date) for before, found, date in names if found and not before]


def drop_rejected_after(spark: SparkSession, files: Files, layout: Layout, date: dt.date) -> None:
    """Delete the rejected records of dates after one."""
    if any(found > date for found in _rejected_dates(files, layout)):
        with explained(f"delete rows of {layout.silver_rejected}"):
            DeltaTable.forPath(spark, layout.silver_rejected).delete(sf.col("ingestion_date") > sf.lit(date))


def count_rejected(spark: SparkSession, files: Files, layout: Layout, date: dt.date, run_id: str) -> int:
    """Rows of a run in `silver/breweries_rejected`.

    Raises:
        LakehouseError: The table cannot be read.
    """
    if date not in _rejected_dates(files, layout):
        return 0
    with explained(f"count the rows of {layout.silver_rejected}"):
        rows = spark.read.format("delta").load(layout.silver_rejected)
        return rows.where((sf.col("ingestion_date") == sf.lit(date)) & (sf.col("run_id") == run_id)).count()


def load(spark: SparkSession, layout: Layout, manifest: Manifest, snapshot: Snapshot) -> None:
    """Put a first snapshot in place of whatever silver has; one commit, and nothing to join."""
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
        explained(f"write the table {layout.silver_breweries}"),
        tables.commit_metadata(spark, mark(manifest, snapshot).to_json()),
    ):
        tables.replace(rows, tables.SILVER_BREWERIES, layout.silver_breweries, snapshot.new_columns)


def mark(manifest: Manifest, snapshot: Snapshot) -> planning.Mark:
    """What the commit will say about the run."""
    return planning.Mark(
        manifest.ingestion_date,
        manifest.run_id,
        bronze_records=manifest.records,
        duplicates=snapshot.duplicates,
        rejected=snapshot.rejected_count,
    )


def merge(spark: SparkSession, layout: Layout, manifest: Manifest, snapshot: Snapshot) -> None:
    """MERGE a snapshot into silver.

    New columns of the source are added first, in a commit of their own that changes no row.
    """
    with explained(f"merge into the table {layout.silver_breweries}"):
        evolve(spark, layout, snapshot)
        target = DeltaTable.forPath(spark, layout.silver_breweries)
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
        with tables.commit_metadata(spark, mark(manifest, snapshot).to_json()):
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

    `_known` marks the latter: the source still has that brewery, only not with a record that could be taken.
    """
    own = set(tables.SILVER_BREWERIES.column_names)
    new = [name for name in target.columns if name not in own]
    columns = [*tables.CONTENT_COLUMNS, "coordinates_status", "record_hash", "source_file"]
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


def evolve(spark: SparkSession, layout: Layout, snapshot: Snapshot) -> None:
    """Add the columns that the source has and silver does not."""
    there = set(spark.read.format("delta").load(layout.silver_breweries).columns)
    missing = [name for name in snapshot.new_columns if name not in there]
    if missing:
        added = ", ".join(f"`{name}` STRING COMMENT '{tables.new_column_comment(name)}'" for name in missing)
        spark.sql(f"ALTER TABLE delta.`{layout.silver_breweries}` ADD COLUMNS ({added})")
        log.info("silver has new columns: %s", ", ".join(missing))


def count(spark: SparkSession, files: Files, layout: Layout, applied: planning.Held) -> LedgerRow:
    """Count in the tables what a run has left there.

    Raises:
        LakehouseError: Bronze records are not all accounted for.
    """
    run = applied.mark
    date = run.ingestion_date
    with explained(f"count the rows of {layout.silver_breweries}"):
        on_date = f"last_change_on = date'{date.isoformat()}'"
        counts = (
            spark.read.format("delta")
            .load(layout.silver_breweries)
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
        rejected=count_rejected(spark, files, layout, date, run.run_id),
        silver_version=applied.version,
        applied_at=dt.datetime.now(dt.timezone.utc),
        **counts.asDict(),
    )
    if row.unaccounted:
        raise LakehouseError(
            f"Run {run.run_id} of {date.isoformat()} has {row.bronze_records} records, but {row.silver_records} in "
            f"silver, {row.duplicates} duplicates and {row.rejected} rejected, which leaves {row.unaccounted} "
            "unaccounted for: ingest that date again, and report it if it stays so."
        )
    return row
