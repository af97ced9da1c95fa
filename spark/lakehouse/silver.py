"""Silver: snapshots are applied in order of their dates, each in one commit, with every record accounted for."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from brewery.contract.runs import date_of_folder
from lakehouse import comparison, deltalog, tables
from lakehouse import plan as planning
from lakehouse.comparison import RULES
from lakehouse.definitions import CONTENT_COLUMNS, SILVER_BREWERIES, SILVER_REJECTED
from lakehouse.errors import CapturedException, LakehouseError, TransientError, explained
from lakehouse.records import REASON_SEPARATOR
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)

WORTH_COMPARING: Final = 50_000
"""Records; comparing is two queries more, which take longer in a new JVM than parsing fewer."""

_OWN: Final = frozenset(SILVER_BREWERIES.column_names)
_CONTENT: Final = (*CONTENT_COLUMNS[1:], "coordinates_status", "record_hash", "raw_hash", "source_file")
"""What a row takes from a record, beside its id and new columns."""


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


def comparable(lakehouse: Lakehouse, manifest: Manifest) -> DataFrame | None:
    """Silver, if a run is to be compared with it line by line before the lines are parsed.

    Not if silver holds its date or a later one, so that it will be restored before; nor if its rows were made under
    other rules; nor if the run is so small that it is parsed sooner.
    """
    if manifest.records < WORTH_COMPARING:
        return None
    newest = held(lakehouse)
    if newest is None or newest.mark.ingestion_date >= manifest.ingestion_date or newest.mark.rules != RULES:
        return None
    with explained(f"read the table {lakehouse.path(SILVER_BREWERIES)}"):
        return lakehouse.read(SILVER_BREWERIES)


def load(lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot) -> LedgerRow:
    """Replace all of silver with a first snapshot; one commit without a join."""
    date = sf.lit(manifest.ingestion_date)
    rows = snapshot.accepted.select(
        "*",
        date.alias("first_seen"),
        _no_date().alias("last_seen"),
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
    return _entry(lakehouse, manifest, snapshot, {"added": snapshot.accepted_count}, snapshot.accepted_count)


def _no_date() -> Column:
    return sf.lit(None).cast("date")


def mark(manifest: Manifest, snapshot: Snapshot, kept: int = 0) -> planning.Mark:
    """What the commit says about the run."""
    return planning.Mark(
        manifest.ingestion_date,
        manifest.run_id,
        bronze_records=manifest.records,
        duplicates=snapshot.duplicates,
        rejected=snapshot.rejected_count,
        kept=kept,
        rules=RULES,
    )


def merge(lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot) -> LedgerRow:
    """MERGE into silver what a snapshot changes.

    New columns are added first, in a commit of their own that changes no row.
    """
    path = lakehouse.path(SILVER_BREWERIES)
    _upgrade(lakehouse)
    tables.evolve(lakehouse, snapshot.new_columns)
    with explained(f"compare the snapshot with the table {path}"):
        silver = lakehouse.read(SILVER_BREWERIES)
        affected = snapshot.affected
        if affected is None:
            affected = comparison.states(silver, sf.col("is_current"))
        # Not cached: after the commit, Delta plans every cached query again that reads the table.
        changes = comparison.changes(snapshot.accepted, snapshot.rejected, affected).localCheckpoint()
        snapshot.release()
        counted = changes.groupBy("_change", "_write").count().collect()
    counts = Counter[str]()
    for row in counted:
        counts[row["_change"]] += row["count"]
    written = sum(row["count"] for row in counted if row["_write"])
    with (
        lakehouse.writing(f"merge into the table {path}"),
        tables.commit_metadata(lakehouse.spark, mark(manifest, snapshot, counts["kept"]).to_json()),
    ):
        columns = [name for name in silver.columns if name not in _OWN]
        _merge(lakehouse, manifest, changes.where("_write"), columns, written)
    return _entry(lakehouse, manifest, snapshot, counts, written)


def _merge(lakehouse: Lakehouse, manifest: Manifest, changes: DataFrame, new: Sequence[str], written: int) -> None:
    date = sf.lit(manifest.ingestion_date)
    before = held(lakehouse)
    content: dict[str, Column] = {
        **{name: sf.col(f"s.{name}") for name in _CONTENT},
        **{name: sf.col(f"s.`{name}`") if name in changes.columns else sf.lit(None) for name in new},
        "last_seen": _no_date(),
        "is_current": sf.lit(True),
        "ingestion_date": date,
        "run_id": sf.lit(manifest.run_id),
    }
    respelled = sf.col("s._change") == "respelled"
    updates = {
        **content,
        "last_change": sf.when(respelled, sf.col("t.last_change")).otherwise(sf.col("s._change")),
        "last_change_on": sf.when(respelled, sf.col("t.last_change_on")).otherwise(date),
    }
    inserts = {
        **content,
        "id": sf.col("s.id"),
        "first_seen": date,
        "last_change": sf.lit("added"),
        "last_change_on": date,
    }
    removal: dict[str, Column] = {
        "is_current": sf.lit(False),
        "last_change": sf.lit("removed"),
        "last_change_on": date,
        # A current row was in every snapshot since its last change.
        "last_seen": sf.lit(before.mark.ingestion_date if before else None).cast("date"),
    }
    target = DeltaTable.forPath(lakehouse.spark, lakehouse.path(SILVER_BREWERIES))
    candidates = comparison.among("t.id", changes, written)
    source = sf.broadcast(changes) if written <= comparison.BROADCAST_IDS else changes
    builder: Any = target.alias("t").merge(source.alias("s"), (sf.col("t.id") == sf.col("s.id")) & candidates)
    (
        builder.whenMatchedUpdate("s._change = 'removed'", removal)
        .whenMatchedUpdate("s._change = 'kept'", {"last_seen": _no_date()})
        .whenMatchedUpdate(set=_quoted(updates))
        .whenNotMatchedInsert(values=_quoted(inserts))
        .execute()
    )


def _quoted(assignments: Mapping[str, Column]) -> dict[str, Column]:
    return {f"`{name}`": value for name, value in assignments.items()}


def _upgrade(lakehouse: Lakehouse) -> None:
    """Give a table of an earlier version the columns, comments and properties of this one; changes no row."""
    path = lakehouse.path(SILVER_BREWERIES)
    with explained(f"read the table {path}"):
        schema = {field.name: field for field in lakehouse.read(SILVER_BREWERIES).schema}
    if all(name in schema for name in SILVER_BREWERIES.column_names):
        return
    steps = [
        f"ADD COLUMNS ({column.name} {column.type} COMMENT '{column.comment}')"
        if column.name not in schema
        else f"ALTER COLUMN {column.name} COMMENT '{column.comment}'"
        for column in SILVER_BREWERIES.columns
        if column.name not in schema or schema[column.name].metadata.get("comment") != column.comment
    ]
    properties = ", ".join(f"'{key}' = '{value}'" for key, value in tables.properties(SILVER_BREWERIES).items())
    for step in (*steps, f"SET TBLPROPERTIES ({properties})"):
        with lakehouse.writing(f"alter the table {path}"):
            lakehouse.spark.sql(f"ALTER TABLE delta.`{path}` {step}")
    log.info("silver has the columns of this version")


def _entry(
    lakehouse: Lakehouse, manifest: Manifest, snapshot: Snapshot, counts: Mapping[str, int], rows: int
) -> LedgerRow:
    """The ledger's row of a run that was just committed.

    Args:
        lakehouse: The lakehouse.
        manifest: Of the run.
        snapshot: The run.
        counts: Change -> breweries.
        rows: So many rows the commit must have written.

    Raises:
        LakehouseError: The newest commit of silver is another one, or wrote another number of rows.
    """
    newest = next(deltalog.commits(lakehouse.files, lakehouse.layout.silver_breweries))
    applied = planning.Mark.from_json(newest.user_metadata)
    if applied is None or applied.run_id != manifest.run_id:
        raise TransientError(
            f"Silver does not hold run {manifest.run_id} after it was written: another job writes to it at "
            "the same time; let it finish, then run this job again."
        )
    if newest.rows != rows:
        raise LakehouseError(
            f"The commit of run {manifest.run_id} wrote {newest.rows} rows of silver instead of {rows}: restore "
            f"the version before {newest.version}, and report it."
        )
    return LedgerRow(
        ingestion_date=manifest.ingestion_date,
        run_id=manifest.run_id,
        bronze_records=manifest.records,
        silver_records=snapshot.accepted_count,
        duplicates=snapshot.duplicates,
        rejected=snapshot.rejected_count,
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        removed=counts.get("removed", 0),
        total=snapshot.accepted_count + counts.get("kept", 0),
        silver_version=newest.version,
        applied_at=dt.datetime.now(dt.timezone.utc),
    )


def count(lakehouse: Lakehouse, applied: planning.Held) -> LedgerRow:
    """Count in the tables what a run has left there, whose row the ledger lacks after an interruption.

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
        silver_records=counts["total"] - run.kept,
        **counts.asDict(),
    )
    if row.unaccounted:
        raise LakehouseError(
            f"Run {run.run_id} of {date.isoformat()} has {row.bronze_records} records, but {row.silver_records} in "
            f"silver, {row.duplicates} duplicates and {row.rejected} rejected, which leaves {row.unaccounted} "
            "unaccounted for: ingest that date again, and report it if that does not help."
        )
    return row
