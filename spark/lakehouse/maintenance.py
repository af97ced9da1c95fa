"""OPTIMIZE, VACUUM, checkpoint, history and restore of one Delta table."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from lakehouse.errors import LakehouseError, explained

MIN_RETENTION_HOURS = 168
"""A week: no reader runs longer, and every table can be restored that far back."""


@dataclass(frozen=True)
class Version:
    """One row of a table's history; `committed_at` is aware, UTC."""

    version: int
    committed_at: dt.datetime
    operation: str
    metadata: str | None


def history(spark: SparkSession, path: str, limit: int = 20) -> list[Version]:
    """The newest commits of a table, newest first.

    Raises:
        LakehouseError: The table does not exist.
    """
    table = _table(spark, path)
    with explained(f"read the history of {path}"):
        at = sf.date_format("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS").alias("at")
        rows = table.history(limit).select("version", at, "operation", "userMetadata").collect()
    return [
        Version(
            row["version"],
            dt.datetime.fromisoformat(row["at"]).replace(tzinfo=dt.timezone.utc),
            row["operation"],
            row["userMetadata"],
        )
        for row in rows
    ]


def optimize(spark: SparkSession, path: str) -> None:
    """Combine small files into larger ones; readers and history are not affected.

    Raises:
        LakehouseError: The table does not exist or cannot be written.
    """
    table = _table(spark, path)
    with explained(f"optimise {path}"):
        table.optimize().executeCompaction()


def vacuum(spark: SparkSession, path: str, retention_hours: int = MIN_RETENTION_HOURS) -> None:
    """Delete data files that no version within the retention needs.

    Raises:
        LakehouseError: The retention is shorter than a week, or the table does not exist or cannot be written.
    """
    if retention_hours < MIN_RETENTION_HOURS:
        raise LakehouseError(
            f"A retention of {retention_hours} hours would delete files that running jobs may read: "
            f"name at least {MIN_RETENTION_HOURS}."
        )
    table = _table(spark, path)
    with explained(f"vacuum {path}"):
        table.vacuum(float(retention_hours))


def checkpoint(spark: SparkSession, path: str) -> None:
    """Write a checkpoint; Delta then deletes the log files that are older than the table's log retention.

    Raises:
        LakehouseError: The table does not exist or cannot be written.
    """
    _table(spark, path)
    with explained(f"write a checkpoint of {path}"):
        jvm: Any = spark._jvm
        jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path).checkpoint()


def expire(spark: SparkSession, path: str, column: str, before: dt.datetime) -> None:
    """Delete the rows of a table whose time in a column is earlier.

    Raises:
        LakehouseError: The table does not exist or cannot be written.
    """
    table = _table(spark, path)
    with explained(f"delete rows of {path}"):
        table.delete(sf.col(column) < sf.lit(before.isoformat()).cast("timestamp"))


def restore(spark: SparkSession, path: str, *, version: int | None = None, at: dt.datetime | None = None) -> int:
    """Restore an earlier version of a table, as a new version.

    Args:
        spark: Session.
        path: The table.
        version: Version to restore.
        at: Or the aware time whose state to restore.

    Returns:
        The restored version.

    Raises:
        LakehouseError: Neither or both are named, or the state is no longer available.
    """
    table = _table(spark, path)
    if at is not None and version is None:
        version = version_at(history(spark, path, limit=1_000_000), at, path)
    elif version is None or at is not None:
        raise LakehouseError("Name either a version or a time to restore to, with --version or --timestamp.")
    with explained(f"restore {path} to version {version}"):
        table.restoreToVersion(version)
    return version


def version_at(versions: list[Version], at: dt.datetime, path: str) -> int:
    """The newest version at a given time.

    Raises:
        LakehouseError: The table's history does not reach that far back.
    """
    earlier = [row.version for row in versions if row.committed_at <= at]
    if not earlier:
        raise LakehouseError(f"The history of {path} does not reach back to {at.isoformat()}: name a later time.")
    return max(earlier)


def _table(spark: SparkSession, path: str) -> DeltaTable:
    with explained(f"open the table {path}"):
        if DeltaTable.isDeltaTable(spark, path):
            return DeltaTable.forPath(spark, path)
    raise LakehouseError(f"There is no Delta table at {path}: check the lakehouse's root and the table's name.")
