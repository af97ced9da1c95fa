"""Current breweries by country."""

from typing import Final

from lakehouse.definitions import Column
from lakehouse.gold_table import BREWERY_COUNT, GoldTable, all_breweries_counted, counted_by

TABLE: Final = GoldTable(
    "gold/breweries_by_country",
    "Current breweries by country",
    (Column("country", "string", "Country"), BREWERY_COUNT),
    build=counted_by("country"),
    expect=all_breweries_counted,
)
