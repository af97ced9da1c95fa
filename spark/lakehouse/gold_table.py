"""What a gold table is, what it is built from, and what most of them share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from brewery.contract.fields import REQUIRED_FIELDS
from brewery.contract.ledger import LedgerRow
from lakehouse.definitions import Column, Table
from lakehouse.quality.expectations import Expectation, equals, none_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LOCATION: Final = ("country", "state_province", "city", "brewery_type")
_COUNTED: Final = ("latitude", "website_url", "phone", "postal_code")

BREWERY_COUNT: Final = Column("brewery_count", "bigint", "Number of current breweries")


@dataclass(frozen=True)
class Inputs:
    """What gold tables are built from.

    Attributes:
        breweries: The current rows of `silver/breweries`.
        counts: `location_counts` of them. It is cached, and so small that silver is read only once.
        runs: The ledger `silver/runs`.
    """

    breweries: "DataFrame"
    counts: "DataFrame"
    runs: "DataFrame"


@dataclass(frozen=True, kw_only=True)
class GoldTable(Table):
    """A gold table; `name` is `gold/` and the name of its module.

    Attributes:
        build: Returns a frame that has every column of the table.
        expect: Given the table and the ledger, returns what must hold before it is published.
    """

    build: Callable[[Inputs], "DataFrame"]
    expect: Callable[["GoldTable", Sequence[LedgerRow]], list[Expectation]]


def location_counts(breweries: "DataFrame") -> "DataFrame":
    """Current breweries by country, state or province, city and type.

    Returns:
        Those columns, `brewery_count`, and for each field whose coverage matters how many of the breweries have it,
        under the field's name.
    """
    measures = {"brewery_count": "count(1)", **{field: f"count({field})" for field in _COUNTED}}
    return aggregated(breweries, _LOCATION, measures)


def aggregated(frame: "DataFrame", keys: Sequence[str], measures: Mapping[str, str]) -> "DataFrame":
    """Group a frame by its keys; `measures` maps a column's name to an SQL aggregate."""
    from pyspark.sql import functions as sf

    return frame.groupBy(*keys).agg(*(sf.expr(sql).alias(name) for name, sql in measures.items()))


def counted_by(*keys: str) -> Callable[[Inputs], "DataFrame"]:
    """A builder: current breweries by keys, which are columns of `location_counts`."""
    return lambda inputs: aggregated(inputs.counts, keys, {"brewery_count": "sum(brewery_count)"})


def all_breweries_counted(table: GoldTable, ledger: Sequence[LedgerRow]) -> list[Expectation]:
    """Expectations of a table whose columns of text are its key, and whose `brewery_count` adds up to silver."""
    keys = [column.name for column in table.columns if column.type == "string"]
    return [
        equals(table.name, "breweries_all_counted", "coalesce(sum(brewery_count), 0)", ledger[-1].total),
        # The count of a distinct struct also counts those with nulls in them.
        equals(table.name, "keys_unique", f"count(*) - count(distinct struct({', '.join(keys)}))", 0),
        none_of(table.name, "counts_positive", "coalesce(brewery_count < 1, true)"),
        *(none_of(table.name, f"{key}_present", f"{key} is null") for key in keys if key in REQUIRED_FIELDS),
    ]
