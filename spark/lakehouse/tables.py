"""The Delta tables: columns with their comments, table comments, properties."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import GOLD_TABLES, Layout
from lakehouse import deltalog
from lakehouse.storage import Files

PROPERTIES: Final = {
    # Every query reads whole columns of a few files: statistics on columns would cost each write and skip nothing.
    "delta.dataSkippingNumIndexedCols": "0",
    # How far back a table can be restored or read: the log reaches 30 days, data files are kept for 7.
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}


_USER_METADATA: Final = "spark.databricks.delta.commitInfo.userMetadata"


@dataclass(frozen=True)
class Column:
    """One column: name, SQL type and what it means."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """One Delta table.

    Attributes:
        name: Path below the lakehouse's root.
        comment: What a row is.
        columns: In order.
        partition_by: Partition columns.
    """

    name: str
    comment: str
    columns: Sequence[Column]
    partition_by: Sequence[str] = ()

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]


_SOURCE: Final = (
    Column("id", "string", "Identifier that the source gives the brewery; the key of the table"),
    Column("name", "string", "Name, trimmed, Unicode NFC"),
    Column("brewery_type", "string", "Type in lower case (micro, brewpub, ...); types unknown so far are kept"),
    Column(
        "address_1",
        "string",
        "First address line; filled from the deprecated field street where only that is given",
    ),
    Column("address_2", "string", "Second address line"),
    Column("address_3", "string", "Third address line"),
    Column("city", "string", "City"),
    Column(
        "state_province",
        "string",
        "State or province; filled from the deprecated field state where only that is given",
    ),
    Column("postal_code", "string", "Postal code as text"),
    Column("country", "string", "Country"),
    Column("phone", "string", "Telephone number as text"),
    Column("website_url", "string", "Address of the website"),
    Column("longitude", "double", "Degrees east, -180 to 180; null unless both coordinates are valid"),
    Column("latitude", "double", "Degrees north, -90 to 90; null unless both coordinates are valid"),
)
CONTENT_COLUMNS: Final = tuple(column.name for column in _SOURCE)
"""What the source says about a brewery; new columns of the source come on top."""

SILVER_BREWERIES: Final = Table(
    "silver/breweries",
    "One row for each brewery ever seen: its state in the newest snapshot that had a valid record of it",
    (
        *_SOURCE,
        Column(
            "coordinates_status",
            "string",
            "valid, missing (none given) or invalid (out of range, unreadable or half given)",
        ),
        Column("first_seen", "date", "Ingestion date of the first snapshot with this brewery"),
        Column("last_seen", "date", "Ingestion date of the newest snapshot with this brewery"),
        Column("is_current", "boolean", "Whether the newest snapshot has this brewery; rows are never deleted"),
        Column("last_change", "string", "What happened last: added, changed or removed"),
        Column("last_change_on", "date", "Ingestion date of the last change"),
        Column("record_hash", "bigint", "xxHash64 of the source's columns; differs where the content differs"),
        Column("ingestion_date", "date", "Ingestion date of the snapshot that the row's content is from"),
        Column("run_id", "string", "Bronze run that the row's content is from"),
        Column("source_file", "string", "Bronze file, within the run's folder, that the row's content is from"),
    ),
)

SILVER_REJECTED: Final = Table(
    "silver/breweries_rejected",
    "One row for each bronze record that lacks what silver requires, with the reasons and the record as received",
    (
        Column("ingestion_date", "date", "Ingestion date of the snapshot"),
        Column("run_id", "string", "Bronze run"),
        Column("source_file", "string", "Bronze file within the run's folder"),
        Column("id", "string", "Identifier of the brewery, where the record has one"),
        Column("reasons", "array<string>", "Why: missing:<field>, retyped:<field>:<JSON type>, malformed:record"),
        Column("raw", "string", "The record as received"),
    ),
    partition_by=("ingestion_date",),
)

SILVER_RUNS: Final = Table(
    "silver/runs",
    "Ledger: one row for each ingestion date that silver holds, with the counts of its run",
    (
        Column("ingestion_date", "date", "Ingestion date"),
        Column("run_id", "string", "Bronze run that was applied for the date"),
        Column("bronze_records", "bigint", "Records in bronze"),
        Column("silver_records", "bigint", "Records that became a row of silver/breweries"),
        Column("duplicates", "bigint", "Records passed over because their id comes again later in the snapshot"),
        Column("rejected", "bigint", "Records in silver/breweries_rejected"),
        Column("added", "bigint", "Breweries that are new or came back"),
        Column("changed", "bigint", "Breweries whose content differs from before"),
        Column("removed", "bigint", "Breweries that the snapshot no longer has"),
        Column("total", "bigint", "Current breweries after the run"),
        Column("silver_version", "bigint", "Version of silver/breweries that the run left"),
        Column("applied_at", "timestamp", "When the run was applied, UTC"),
    ),
)

_COUNT: Final = Column("brewery_count", "bigint", "Number of current breweries")

GOLD: Final = {
    "breweries_by_type_and_location": Table(
        "gold/breweries_by_type_and_location",
        "Current breweries by country, state or province, city and type",
        (
            Column("country", "string", "Country"),
            Column("state_province", "string", "State or province; null where the source gives none"),
            Column("city", "string", "City; null where the source gives none"),
            Column("brewery_type", "string", "Type in lower case"),
            _COUNT,
        ),
    ),
    "breweries_by_type": Table(
        "gold/breweries_by_type",
        "Current breweries by type",
        (Column("brewery_type", "string", "Type in lower case"), _COUNT),
    ),
    "breweries_by_country": Table(
        "gold/breweries_by_country",
        "Current breweries by country",
        (Column("country", "string", "Country"), _COUNT),
    ),
    "location_coverage": Table(
        "gold/location_coverage",
        "How complete the current breweries of each country are; shares from 0 to 1",
        (
            Column("country", "string", "Country"),
            _COUNT,
            Column("share_with_coordinates", "double", "Share with valid coordinates, 0 to 1"),
            Column("share_with_website", "double", "Share with a website, 0 to 1"),
            Column("share_with_phone", "double", "Share with a telephone number, 0 to 1"),
            Column("share_with_postal_code", "double", "Share with a postal code, 0 to 1"),
        ),
    ),
    "daily_changes": Table(
        "gold/daily_changes",
        "What each ingestion date brought",
        (
            Column("ingestion_date", "date", "Ingestion date"),
            Column("total", "bigint", "Current breweries after that date's run"),
            Column("added", "bigint", "Breweries that are new or came back"),
            Column("changed", "bigint", "Breweries whose content differs from before"),
            Column("removed", "bigint", "Breweries that the snapshot no longer had"),
            Column("rejected", "bigint", "Records that lacked what silver requires"),
            Column("duplicates", "bigint", "Records whose id came again later in the snapshot"),
        ),
    ),
}

QUALITY_RESULTS: Final = Table(
    "quality/results",
    "Outcome of each expectation, each time that it was checked",
    (
        Column("checked_at", "timestamp", "When, UTC; the same for all expectations of one check"),
        Column("gate", "string", "snapshot (before silver is written) or publish (before gold is published)"),
        Column("table", "string", "Table that was checked, as a path below the lakehouse's root"),
        Column("expectation", "string", "Name of the expectation"),
        Column("severity", "string", "error fails the gate, warn is reported"),
        Column("passed", "boolean", "Whether the expectation holds"),
        Column("observed", "string", "What was measured"),
        Column("expected", "string", "What is allowed"),
        Column("ingestion_date", "date", "Newest ingestion date that was checked"),
        Column("run_id", "string", "Its bronze run"),
    ),
)


def all_tables(layout: Layout) -> dict[str, Table]:
    """Every Delta table of the lakehouse: path -> definition."""
    return {
        layout.silver_breweries: SILVER_BREWERIES,
        layout.silver_rejected: SILVER_REJECTED,
        layout.silver_runs: SILVER_RUNS,
        **{layout.gold(name): GOLD[name] for name in GOLD_TABLES},
        layout.quality_results: QUALITY_RESULTS,
    }


def rows_frame(spark: SparkSession, table: Table, rows: Sequence[Mapping[str, object]]) -> DataFrame:
    """A few rows that the driver has, as one literal that the JVM takes apart.

    Rows by `createDataFrame` would take a detour over pickled RDDs. Values are what JSON has; dates and timestamps
    are ISO 8601 text.
    """
    kept = ("boolean", "bigint", "double")
    fields = ", ".join(f"`{c.name}`: {c.type if c.type in kept else 'string'}" for c in table.columns)
    parsed = sf.from_json(sf.lit(json.dumps(rows)), f"array<struct<{fields}>>")
    return spark.range(0, 1, 1, 1).select(sf.explode(parsed).alias("row")).select("row.*")


def replace(frame: DataFrame, table: Table, path: str, extra: Iterable[str] = ()) -> None:
    """Create the table, or put a frame in place of all that it has, in one commit; comments and properties with it.

    Args:
        frame: Has every column of the table.
        table: The definition.
        path: Where it lies.
        extra: See `shaped`.
    """
    writer = shaped(frame, table, extra).writeTo(f"delta.`{path}`").using("delta")
    for key, value in {"comment": table.comment, **PROPERTIES}.items():
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


def append(files: Files, frame: DataFrame, table: Table, path: str) -> None:
    """Add rows to a table; creates it where there is none."""
    if deltalog.exists(files, path):
        shaped(frame, table).write.format("delta").mode("append").save(path)
    else:
        replace(frame, table, path)


def replace_since(files: Files, frame: DataFrame, table: Table, path: str, since: dt.date) -> None:
    """Put rows in place of those of a date and later ones; creates the table where there is none."""
    if deltalog.exists(files, path):
        condition = f"ingestion_date >= date'{since.isoformat()}'"
        writer = shaped(frame, table).write.format("delta").mode("overwrite")
        writer.option("replaceWhere", condition).save(path)
    else:
        replace(frame, table, path)


def shaped(frame: DataFrame, table: Table, extra: Iterable[str] = ()) -> DataFrame:
    """The table's columns in their order and types, with their comments; what a writer hands to Delta.

    Args:
        frame: Has every column of the table.
        table: The definition.
        extra: Columns of the source that the definition does not have; kept, at the end.
    """
    columns = [
        sf.col(column.name).cast(column.type).alias(column.name, metadata={"comment": column.comment})
        for column in table.columns
    ]
    new = [sf.col(f"`{name}`").alias(name, metadata={"comment": new_column_comment(name)}) for name in extra]
    return frame.select(*columns, *new)


def new_column_comment(name: str) -> str:
    """Comment of a column that the source has added since this code was written."""
    return f"Field {name} of the source, as text; not known to this version of the pipeline"
