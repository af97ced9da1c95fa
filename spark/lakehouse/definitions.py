"""The Delta tables of silver and quality: columns, comments, partitions. Pure, so that readers need no Spark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


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
        row_changes: A commit writes the rows that it changes, and Delta's change data feed offers them.
    """

    name: str
    comment: str
    columns: Sequence[Column]
    partition_by: Sequence[str] = ()
    row_changes: bool = False

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
"""The content of a brewery; columns that the API adds come on top."""

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
        Column(
            "last_seen", "date", "Ingestion date of the last snapshot with this brewery; null if that is the newest"
        ),
        Column("is_current", "boolean", "Whether the newest snapshot has this brewery; rows are never deleted"),
        Column("last_change", "string", "What happened last: added, changed or removed"),
        Column("last_change_on", "date", "Ingestion date of the last change"),
        Column("record_hash", "bigint", "xxHash64 of the source's columns; differs where the content differs"),
        Column("raw_hash", "binary", "MD5 of the bronze line that the row was read from"),
        Column("ingestion_date", "date", "Ingestion date of the snapshot that the row was read from"),
        Column("run_id", "string", "Bronze run that the row was read from"),
        Column("source_file", "string", "Bronze file, within the run's folder, that the row was read from"),
    ),
    row_changes=True,
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
        Column(
            "examples",
            "array<struct<id: string, name: string, value: string>>",
            "A few of the breweries that do not meet it, with their values",
        ),
    ),
)
