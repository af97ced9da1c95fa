"""How the Delta tables are written: their columns in order and with comments, their properties, one commit each."""

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import pyspark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from lakehouse import deltalog
from lakehouse.columns import comment_of
from lakehouse.definitions import SILVER_BREWERIES, Table
from lakehouse.errors import explained
from lakehouse.storage import Lakehouse

PROPERTIES: Final = {
    # Every query reads whole columns of a few files: statistics on columns would cost each write and skip nothing.
    "delta.dataSkippingNumIndexedCols": "0",
    # How far back a table can be restored or read: the log reaches 30 days, data files are kept for 7.
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}

_ROW_CHANGES: Final = {
    "delta.enableChangeDataFeed": "true",
    # A changed row is marked as deleted in its file and written to another, instead of the file with all its rows.
    # Delta 2.3 of Spark 3.3 cannot write such marks: there, each MERGE still rewrites the files that it touches.
    **({} if pyspark.__version__.startswith("3.3.") else {"delta.enableDeletionVectors": "true"}),
}

_USER_METADATA: Final = "spark.databricks.delta.commitInfo.userMetadata"

log = logging.getLogger(__name__)


def properties(table: Table) -> dict[str, str]:
    return {**PROPERTIES, **(_ROW_CHANGES if table.row_changes else {})}


def rows_frame(spark: SparkSession, table: Table, rows: Sequence[Mapping[str, object]]) -> DataFrame:
    """A few rows of the driver as one JSON literal that the JVM parses; `createDataFrame` would pickle them.

    Values are JSON's; dates and timestamps are ISO 8601 text.
    """
    kept = ("boolean", "bigint", "double", "array")
    fields = ", ".join(f"`{c.name}`: {c.type if c.type.startswith(kept) else 'string'}" for c in table.columns)
    parsed = sf.from_json(sf.lit(json.dumps(rows)), f"array<struct<{fields}>>")
    return spark.range(0, 1, 1, 1).select(sf.explode(parsed).alias("row")).select("row.*")


def replace(lakehouse: Lakehouse, table: Table, frame: DataFrame, extra: Mapping[str, str] | None = None) -> None:
    """Create or replace a table with its comments and properties, in one commit; for the arguments see `shaped`."""
    writer = shaped(frame, table, extra).writeTo(f"delta.`{lakehouse.path(table)}`").using("delta")
    for key, value in {"comment": table.comment, **properties(table)}.items():
        writer = writer.tableProperty(key, value)
    if table.partition_by:
        writer = writer.partitionedBy(*(sf.col(name) for name in table.partition_by))
    writer.createOrReplace()


@contextmanager
def commit_metadata(spark: SparkSession, text: str) -> Iterator[None]:
    """Commits within the block carry this `userMetadata`."""
    spark.conf.set(_USER_METADATA, text)
    try:
        yield
    finally:
        spark.conf.unset(_USER_METADATA)


def append(lakehouse: Lakehouse, table: Table, frame: DataFrame) -> None:
    """Add rows to a table, and columns that it lacks from an older version; create it if it does not exist."""
    if deltalog.exists(lakehouse.files, lakehouse.path(table)):
        writer = shaped(frame, table).write.format("delta").mode("append").option("mergeSchema", "true")
        writer.save(lakehouse.path(table))
    else:
        replace(lakehouse, table, frame)


def replace_since(lakehouse: Lakehouse, table: Table, frame: DataFrame, since: dt.date) -> None:
    """Replace the rows of a date and of later ones; create the table if it does not exist."""
    if deltalog.exists(lakehouse.files, lakehouse.path(table)):
        condition = f"ingestion_date >= date'{since.isoformat()}'"
        writer = shaped(frame, table).write.format("delta").mode("overwrite")
        writer.option("replaceWhere", condition).save(lakehouse.path(table))
    else:
        replace(lakehouse, table, frame)


def shaped(frame: DataFrame, table: Table, extra: Mapping[str, str] | None = None) -> DataFrame:
    """The table's columns in order, with their types and comments.

    Args:
        frame: Has every column of the table.
        table: The definition.
        extra: Column -> field, of fields that the contract does not know; they come last.
    """
    columns = [
        sf.col(column.name).cast(column.type).alias(column.name, metadata={"comment": column.comment})
        for column in table.columns
    ]
    new = [sf.col(f"`{n}`").alias(n, metadata={"comment": comment_of(field)}) for n, field in (extra or {}).items()]
    return frame.select(*columns, *new)


def source_columns(lakehouse: Lakehouse) -> dict[str, str]:
    """Column -> comment, of silver's columns for fields that the contract does not know."""
    if not deltalog.exists(lakehouse.files, lakehouse.path(SILVER_BREWERIES)):
        return {}
    own = set(SILVER_BREWERIES.column_names)
    schema = lakehouse.read(SILVER_BREWERIES).schema
    return {field.name: field.metadata.get("comment", "") for field in schema if field.name not in own}


def evolve(lakehouse: Lakehouse, columns: Mapping[str, str]) -> None:
    """Give silver the columns that it lacks, and each the comment that names its field; changes no row.

    Args:
        lakehouse: The lakehouse.
        columns: Column -> field.
    """
    path = lakehouse.path(SILVER_BREWERIES)

    def alter(change: str) -> None:
        with lakehouse.writing(f"alter the table {path}"):
            lakehouse.spark.sql(f"ALTER TABLE delta.`{path}` {change}")

    with explained(f"read the table {path}"):
        existing = source_columns(lakehouse)
    missing = [name for name in columns if name not in existing]
    if missing:
        added = ", ".join(f"`{name}` STRING COMMENT {sql_text(comment_of(columns[name]))}" for name in missing)
        alter(f"ADD COLUMNS ({added})")
        log.info("silver has new columns: %s", ", ".join(missing))
    for name, field in columns.items():
        if existing.get(name, comment_of(field)) != comment_of(field):
            alter(f"ALTER COLUMN `{name}` COMMENT {sql_text(comment_of(field))}")


def sql_text(text: str) -> str:
    """A literal that is nothing but text to Spark's SQL, which also replaces `${...}` within quotation marks."""
    units = text.encode("utf-16-be")
    return "'" + "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)) + "'"
