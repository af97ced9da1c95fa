"""The gold tables as docs/data-contract.md describes them, in plain Python: one entry for each table.

Nothing here is shared with the pipeline: a changed column, type or figure has to show.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]
"""A row of a table: column -> value."""


@dataclass(frozen=True)
class OracleTable:
    """A gold table as it must be.

    Attributes:
        schema: Its columns as in SQL: `name type, …`.
        rows: Given silver's current rows and the ledger's rows in order, returns the table's rows in any order.
    """

    schema: str
    rows: Callable[[Sequence[Row], Sequence[Row]], list[dict[str, Any]]]


def _counted_by(*keys: str) -> Callable[[Sequence[Row], Sequence[Row]], list[dict[str, Any]]]:
    def rows(current: Sequence[Row], _: Sequence[Row]) -> list[dict[str, Any]]:
        counts = Counter(tuple(row[key] for key in keys) for row in current)
        return [{**dict(zip(keys, values, strict=True)), "brewery_count": n} for values, n in counts.items()]

    return rows


def _coverage(current: Sequence[Row], _: Sequence[Row]) -> list[dict[str, Any]]:
    shares = {
        "share_with_coordinates": "latitude",
        "share_with_website": "website_url",
        "share_with_phone": "phone",
        "share_with_postal_code": "postal_code",
    }
    countries: dict[str, list[Row]] = {}
    for row in current:
        countries.setdefault(row["country"], []).append(row)
    return [
        {
            "country": country,
            "brewery_count": len(rows),
            **{share: sum(row[field] is not None for row in rows) / len(rows) for share, field in shares.items()},
        }
        for country, rows in countries.items()
    ]


def _daily_changes(_: Sequence[Row], ledger: Sequence[Row]) -> list[dict[str, Any]]:
    columns = ("ingestion_date", "total", "added", "changed", "removed", "rejected", "duplicates")
    return [{column: row[column] for column in columns} for row in ledger]


GOLD: Final[Mapping[str, OracleTable]] = {
    "breweries_by_type_and_location": OracleTable(
        "country string, state_province string, city string, brewery_type string, brewery_count bigint",
        _counted_by("country", "state_province", "city", "brewery_type"),
    ),
    "breweries_by_type": OracleTable("brewery_type string, brewery_count bigint", _counted_by("brewery_type")),
    "breweries_by_country": OracleTable("country string, brewery_count bigint", _counted_by("country")),
    "location_coverage": OracleTable(
        "country string, brewery_count bigint, share_with_coordinates double, share_with_website double,"
        " share_with_phone double, share_with_postal_code double",
        _coverage,
    ),
    "daily_changes": OracleTable(
        "ingestion_date date, total bigint, added bigint, changed bigint, removed bigint, rejected bigint,"
        " duplicates bigint",
        _daily_changes,
    ),
}
"""Name of each gold table -> what it must be."""
