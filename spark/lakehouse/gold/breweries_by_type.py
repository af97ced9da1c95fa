"""Current breweries by type."""

from typing import Final

from lakehouse.definitions import Column
from lakehouse.gold_table import BREWERY_COUNT, GoldTable, all_breweries_counted, counted_by

TABLE: Final = GoldTable(
    "gold/breweries_by_type",
    "Current breweries by type",
    (Column("brewery_type", "string", "Type in lower case"), BREWERY_COUNT),
    build=counted_by("brewery_type"),
    expect=all_breweries_counted,
)
