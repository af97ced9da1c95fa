"""Silver: apply snapshots in order of their dates, each in one commit, each accounted for."""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout
from brewery.contract.manifest import Manifest
from lakehouse import plan as planning
from lakehouse import tables
from lakehouse.errors import CapturedException, LakehouseError, explained
from lakehouse.ledger import LedgerRow
from lakehouse.records import REASON_SEPARATOR
from lakehouse.snapshot import Snapshot

log = logging.getLogger(__name__)

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


def history(spark: SparkSession, path: str, limit: int | None = None) -> list[planning.Commit]:
    """The commits of a Delta table, newest first; all that the log still has when `limit` is None."""
    with explained(f"read the history of {path}"):
        table = DeltaTable.forPath(spark, path)
        rows = (table.history() if limit is None else table.history(limit)).collect()
    return [
        planning.Commit(
            version=row["version"],
            operation=row["operation"],
            restored_version=_restored_version(row["operationParameters"])
            if row["operation"] == "RESTORE"
            else None,
            user_metadata=row["userMetadata"],
        )
        for row in rows
    ]


def _restored_version(parameters: Mapping[str, str]) -> int | None:
    version = parameters.get("version")
    return int(version) if version and version.isdecimal() else None


def held(spark: SparkSession, layout: Layout) -> planning.Held | None:
    """What silver holds, from its history; the newest commit tells it on most days."""
    newest = planning.resolve(history(spark, layout.silver_breweries, limit=1))
    return newest or planning.resolve(history(spark, layout.silver_breweries))


@contextmanager
def _marked(spark: SparkSession, mark: planning.Mark) -> Iterator[None]:
    """Commits within the block name the run that they apply."""
    spark.conf.set(_USER_METADATA, mark.to_json())
    try:
        yield
    finally:
        spark.conf.unset(_USER_METADATA)


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


def write_rejected(spark: SparkSession, layout: Layout, manifest: Manifest, snapshot: Snapshot) -> None:
    """Put a run's rejected records in place of what the table has for its date and later ones.

    As with the ledger, what is there about a later date is from before a restore, and will be written again.
    """
    since = f"ingestion_date >= date'{manifest.ingestion_date.isoformat()}'"
    with explained(f"write the table {layout.silver_rejected}"):
        there = spark.read.format("delta").load(layout.silver_rejected).where(since)
        if not snapshot.rejected_count and not there.limit(1).count():
            return
        rows = snapshot.rejected.select(
            sf.lit(manifest.ingestion_date).alias("ingestion_date"),
            sf.lit(manifest.run_id).alias("run_id"),
            "source_file",
            "id",
            sf.split("reasons", REASON_SEPARATOR).alias("reasons"),
            "raw",
        )
        tables.shaped(rows, tables.SILVER_REJECTED).coalesce(1).write.format("delta").mode("overwrite").option(
            "replaceWhere", since
        ).save(layout.silver_rejected)


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
    with explained(f"write the table {layout.silver_breweries}"), _marked(spark, mark(manifest, snapshot)):
        tables.shaped(rows, tables.SILVER_BREWERIES, snapshot.new_columns).write.format("delta").mode(
            "overwrite"
        ).option("overwriteSchema", "true").save(layout.silver_breweries)


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
        with _marked(spark, mark(manifest, snapshot)):
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


def count(spark: SparkSession, layout: Layout, applied: planning.Held) -> LedgerRow:
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
        rejected = (
            spark.read.format("delta")
            .load(layout.silver_rejected)
            .where((sf.col("ingestion_date") == sf.lit(date)) & (sf.col("run_id") == run.run_id))
            .count()
        )
    row = LedgerRow(
        ingestion_date=date,
        run_id=run.run_id,
        bronze_records=run.bronze_records,
        duplicates=run.duplicates,
        rejected=rejected,
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
