"""What each ingestion date changed, from the ledger."""

from collections.abc import Sequence
from typing import Final

from brewery.contract.ledger import LedgerRow
from lakehouse.definitions import Column
from lakehouse.gold_table import GoldTable
from lakehouse.quality.expectations import Expectation, equals, none_of


def _expect(table: GoldTable, ledger: Sequence[LedgerRow]) -> list[Expectation]:
    newest = ledger[-1]
    date = f"date'{newest.ingestion_date.isoformat()}'"
    negative = " or ".join(f"coalesce({c.name} < 0, true)" for c in table.columns if c.type == "bigint")
    return [
        equals(table.name, "a_row_for_each_date", "count(distinct ingestion_date)", len(ledger)),
        equals(table.name, "dates_unique", "count(*) - count(distinct ingestion_date)", 0),
        none_of(table.name, "counts_not_negative", negative),
        equals(table.name, "newest_total", f"max(case when ingestion_date = {date} then total end)", newest.total),
    ]


TABLE: Final = GoldTable(
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
    build=lambda inputs: inputs.runs,
    expect=_expect,
)
