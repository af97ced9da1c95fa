"""Silver, its rejected records and its ledger, compared with the oracle."""

import datetime as dt
from collections.abc import Set
from typing import Any

from brewery.contract.layout import Layout
from tests.oracle.lakehouse import Expected


def assert_silver(lake: Any, layout: Layout, expected: Expected, unknown: Set[str] = frozenset()) -> None:
    """Check every column that the oracle knows.

    Args:
        lake: Reads the tables.
        layout: Their paths.
        expected: What they must hold.
        unknown: Columns of which the oracle was told nothing.
    """
    rows = {row["id"]: row for row in expected.silver_rows()}
    columns = next(iter(rows.values())).keys() - unknown
    actual = {id: {name: row[name] for name in columns} for id, row in lake.silver().items()}
    assert actual == {id: {name: row[name] for name in columns} for id, row in rows.items()}
    rejected = [(r["ingestion_date"], r["id"], frozenset(r["reasons"])) for r in lake.rows(layout.silver_rejected)]
    assert sorted(rejected, key=_order) == sorted(
        ((r.ingestion_date, r.id, r.reasons) for r in expected.rejected), key=_order
    )
    counts = {row["ingestion_date"]: row for row in lake.rows(layout.silver_runs)}
    names = vars(expected.ledger[0]).keys() - unknown
    assert [{name: counts[entry.ingestion_date][name] for name in names} for entry in expected.ledger] == [
        {name: vars(entry)[name] for name in names} for entry in expected.ledger
    ]
    assert len(counts) == len(expected.ledger)


def _order(rejected: tuple[dt.date, str | None, frozenset[str]]) -> str:
    date, id, reasons = rejected
    return f"{date} {id} {sorted(reasons)}"
