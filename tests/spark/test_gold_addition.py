"""A new gold table is a module, and everything else finds it: here one that only the test registers."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.definitions import Column
from lakehouse.gold import GOLD
from lakehouse.gold_table import BREWERY_COUNT, GoldTable, all_breweries_counted, counted_by
from lakehouse.jobs import bronze_to_silver, maintenance, quality_gate, silver_to_gold

pytest.importorskip("deltalake", reason="the harness is not in this environment (make setup)")
pytestmark = [pytest.mark.spark, pytest.mark.days]

STATES = GoldTable(
    "gold/breweries_by_state",
    "Current breweries by state or province",
    (Column("state_province", "string", "State or province"), BREWERY_COUNT),
    build=counted_by("state_province"),
    expect=all_breweries_counted,
)


def test_jobs_gate_report_and_contract_find_a_new_table(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    lake: Any,
    brewery: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Only here: the environment of Spark 3.3 lacks what they need.
    from rich.console import Console

    from harness.pipeline.lakehouse.read import summarise
    from harness.pipeline.report.html import render
    from harness.pipeline.report.tables import print_summary
    from tests.docs.test_generated import gold_tables

    monkeypatch.setitem(GOLD, "breweries_by_state", STATES)
    pages = [[brewery("a"), brewery("b"), brewery("c", state_province="Bayern"), brewery("d", state_province=None)]]
    bronze.write("2026-03-01", pages)
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    outcomes = quality_gate.run(spark, layout)

    assert {
        row["state_province"]: row["brewery_count"] for row in lake.rows(layout.gold("breweries_by_state"))
    } == {
        "Nordrhein-Westfalen": 2,
        "Bayern": 1,
        None: 1,
    }
    assert [field.metadata["comment"] for field in lake.frame(layout.gold("breweries_by_state")).schema] == [
        "State or province",
        "Number of current breweries",
    ]
    checks = {outcome.expectation.name for outcome in outcomes if outcome.expectation.table == STATES.name}
    assert checks == {"breweries_all_counted", "keys_unique", "counts_positive"}
    assert "gold/breweries_by_state: optimised" in maintenance.run(spark, layout, ["optimize"])

    summary = summarise(Path(layout.root))
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    assert [line.split() for line in console.file.getvalue().splitlines() if line.startswith(("Nord", "Bay"))] == [
        ["Nordrhein-Westfalen", "2"],
        ["Bayern", "1"],
    ]
    assert "Current breweries by state or province" in render(summary)
    assert "| `breweries_by_state` | Current breweries by state or province |" in gold_tables()
