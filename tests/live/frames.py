"""Tables of the lakehouse as Spark frames, actual and expected, for chispa to compare.

The schemas are written out here, from docs/data-contract.md: a changed type has to show.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from brewery.contract.layout import Layout
from lakehouse.gold import GOLD as TABLES
from tests.oracle.gold import GOLD
from tests.oracle.lakehouse import Expected

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TEXT: Final = (
    "id string, name string, brewery_type string, address_1 string, address_2 string, address_3 string,"
    " city string, state_province string, postal_code string, country string, phone string, website_url string"
)
SILVER: Final = (
    f"{_TEXT}, longitude double, latitude double, coordinates_status string, first_seen date, last_seen date,"
    " is_current boolean, last_change string, last_change_on date, ingestion_date date, run_id string,"
    " source_file string"
)
"""`silver/breweries` without `record_hash` and `raw_hash`, which are the pipeline's own business."""

REJECTED: Final = "ingestion_date date, run_id string, source_file string, id string, reasons array<string>"
"""`silver/breweries_rejected` without `raw`."""

RUNS: Final = (
    "ingestion_date date, run_id string, bronze_records bigint, silver_records bigint, duplicates bigint,"
    " rejected bigint, added bigint, changed bigint, removed bigint, total bigint"
)
"""`silver/runs` without `silver_version` and `applied_at`."""


def gold(spark: "SparkSession", expected: Expected, table: str) -> "DataFrame":
    return frame(spark, expected.gold(table), GOLD[table].schema)


def silver(spark: "SparkSession", expected: Expected) -> "DataFrame":
    """`silver/breweries` as it must be; new columns of the source at the end, as text."""
    new = "".join(f", {name} string" for name in expected.new_columns)
    return frame(spark, expected.silver_rows(), SILVER + new)


def rejected(spark: "SparkSession", expected: Expected) -> "DataFrame":
    """`silver/breweries_rejected` as it must be; the reasons of a record in order of the alphabet."""
    rows = [
        {
            "ingestion_date": record.ingestion_date,
            "run_id": record.run_id,
            "source_file": record.source_file,
            "id": record.id,
            "reasons": sorted(record.reasons),
        }
        for record in expected.rejected
    ]
    return frame(spark, rows, REJECTED)


def runs(spark: "SparkSession", expected: Expected) -> "DataFrame":
    return frame(spark, map(vars, expected.ledger), RUNS)


def frame(spark: "SparkSession", rows: Iterable[Mapping[str, Any]], schema: str) -> "DataFrame":
    """A frame of those columns of plain rows that the schema (`name type, …`) names."""
    names = columns(schema)
    return spark.createDataFrame([tuple(row[name] for name in names) for row in rows], schema)


def columns(schema: str) -> Sequence[str]:
    return [column.split()[0] for column in schema.split(",")]


def assert_same(actual: "DataFrame", expected: "DataFrame") -> None:
    """Both have the same columns, types and rows; the order of rows does not count."""
    from chispa import assert_df_equality

    # Column comments, and whether a column may hold nulls, are the table definition's: a plain row has neither.
    assert_df_equality(actual, expected, ignore_row_order=True, ignore_nullable=True, ignore_metadata=True)


def read(spark: "SparkSession", path: str, schema: str, version: int | None = None) -> "DataFrame":
    """The columns of a Delta table that the schema names, in that order, with the types that the table has."""
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(path).select(*columns(schema))


def assert_gold(spark: "SparkSession", layout: Layout, expected: Expected) -> None:
    """Every gold table is what is expected."""
    for table in TABLES:
        assert_same(read(spark, layout.gold(table), GOLD[table].schema), gold(spark, expected, table))


def assert_silver(spark: "SparkSession", layout: Layout, expected: Expected) -> None:
    """Silver is what is expected, new columns included."""
    new = "".join(f", {name} string" for name in expected.new_columns)
    assert_same(read(spark, layout.silver_breweries, SILVER + new), silver(spark, expected))
