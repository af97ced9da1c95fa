"""Current breweries by country, state or province, city and type."""

from typing import Final

from lakehouse.definitions import Column
from lakehouse.gold_table import BREWERY_COUNT, GoldTable, all_breweries_counted

TABLE: Final = GoldTable(
    "gold/breweries_by_type_and_location",
    "Current breweries by country, state or province, city and type",
    (
        Column("country", "string", "Country"),
        Column("state_province", "string", "State or province; null where the source gives none"),
        Column("city", "string", "City; null where the source gives none"),
        Column("brewery_type", "string", "Type in lower case"),
        BREWERY_COUNT,
    ),
    build=lambda inputs: inputs.counts,
    expect=all_breweries_counted,
)
