"""Gold: pure functions from silver (and the ledger) to the five tables.

The four tables of breweries are all rolled up from one small aggregate, so that silver is read once.
"""

from collections.abc import Mapping
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from lakehouse.tables import GOLD, shaped

_SHARES: Final[Mapping[str, str]] = {
    "share_with_coordinates": "latitude",
    "share_with_website": "website_url",
    "share_with_phone": "phone",
    "share_with_postal_code": "postal_code",
}
_PLACE: Final = ("country", "state_province", "city", "brewery_type")


def location_counts(silver: DataFrame) -> DataFrame:
    """The aggregate that the tables of breweries are made from.

    Args:
        silver: `silver/breweries`, current rows and others.

    Returns:
        country, state_province, city, brewery_type, brewery_count, and for each share of `location_coverage` the
        number of breweries behind it, under the share's name.
    """
    counts = [sf.count(sf.col(column)).alias(share) for share, column in _SHARES.items()]
    return silver.where("is_current").groupBy(*_PLACE).agg(sf.count(sf.lit(1)).alias("brewery_count"), *counts)


def breweries_by_type_and_location(counts: DataFrame) -> DataFrame:
    """Current breweries by country, state or province, city and type, from `location_counts`."""
    return shaped(counts, GOLD["breweries_by_type_and_location"])


def breweries_by_type(counts: DataFrame) -> DataFrame:
    """Current breweries by type, from `location_counts`."""
    return _rolled_up(counts, "brewery_type", "breweries_by_type")


def breweries_by_country(counts: DataFrame) -> DataFrame:
    """Current breweries by country, from `location_counts`."""
    return _rolled_up(counts, "country", "breweries_by_country")


def _rolled_up(counts: DataFrame, column: str, table: str) -> DataFrame:
    return shaped(counts.groupBy(column).agg(sf.sum("brewery_count").alias("brewery_count")), GOLD[table])


def location_coverage(counts: DataFrame) -> DataFrame:
    """How complete the breweries of each country are, from `location_counts`."""
    total = sf.sum("brewery_count")
    shares = [(sf.sum(share) / total).alias(share) for share in _SHARES]
    return shaped(counts.groupBy("country").agg(total.alias("brewery_count"), *shares), GOLD["location_coverage"])


def daily_changes(runs: DataFrame) -> DataFrame:
    """What each date brought, from the ledger `silver/runs`."""
    return shaped(runs, GOLD["daily_changes"])
