"""How complete the breweries of each country are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from brewery.contract.ledger import LedgerRow
from lakehouse.definitions import Column
from lakehouse.gold_table import BREWERY_COUNT, GoldTable, Inputs, aggregated, all_breweries_counted
from lakehouse.quality.expectations import Expectation, none_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SHARES: Final = {
    "share_with_coordinates": "latitude",
    "share_with_website": "website_url",
    "share_with_phone": "phone",
    "share_with_postal_code": "postal_code",
}


def _build(inputs: Inputs) -> "DataFrame":
    shares = {share: f"sum({field}) / sum(brewery_count)" for share, field in _SHARES.items()}
    return aggregated(inputs.counts, ["country"], {"brewery_count": "sum(brewery_count)", **shares})


def _expect(table: GoldTable, ledger: Sequence[LedgerRow]) -> list[Expectation]:
    return [
        *all_breweries_counted(table, ledger),
        *(none_of(table.name, f"{s}_a_share", f"not coalesce({s} between 0 and 1, false)") for s in _SHARES),
    ]


TABLE: Final = GoldTable(
    "gold/location_coverage",
    "How complete the current breweries of each country are; shares from 0 to 1",
    (
        Column("country", "string", "Country"),
        BREWERY_COUNT,
        Column("share_with_coordinates", "double", "Share with valid coordinates, 0 to 1"),
        Column("share_with_website", "double", "Share with a website, 0 to 1"),
        Column("share_with_phone", "double", "Share with a telephone number, 0 to 1"),
        Column("share_with_postal_code", "double", "Share with a postal code, 0 to 1"),
    ),
    build=_build,
    expect=_expect,
)
