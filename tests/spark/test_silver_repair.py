"""Silver after a failure: interrupted, vacuumed, restored by hand, a bad day taken out."""

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from lakehouse import silver
from lakehouse.jobs import bronze_to_silver, maintenance, quality_gate, silver_to_gold

pytestmark = [pytest.mark.spark, pytest.mark.days]

Make = Callable[..., dict[str, Any]]
D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"
ANY = Limits(rejected_share=1.0, drop=1.0)
date = dt.date.fromisoformat


@pytest.mark.parametrize("step", ["merge", "_entry"])
def test_interrupted_between_commits(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    lake: Any,
    brewery: Make,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b")]])
    bronze_to_silver.run(spark, layout, ANY)
    bronze.write(D2, [[brewery("a", name="New"), brewery("c"), brewery("bad", name=None)]])

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(silver, step, killed)
        with pytest.raises(KeyboardInterrupt):
            bronze_to_silver.run(spark, layout, ANY)
    bronze_to_silver.run(spark, layout, ANY)
    rows = lake.rows(layout.silver_runs)
    by_date = {
        r["ingestion_date"]: (r["added"], r["changed"], r["removed"], r["rejected"], r["total"]) for r in rows
    }
    assert by_date == {date(D1): (2, 0, 0, 0, 2), date(D2): (1, 1, 1, 1, 2)}
    assert len(lake.rows(layout.silver_rejected)) == 1
    assert {id for id, row in lake.silver().items() if row["is_current"]} == {"a", "c"}
    assert bronze_to_silver.run(spark, layout, ANY) == []


def test_interrupted_while_an_earlier_date_is_applied_again(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, day in enumerate((D1, D2, D3)):
        bronze.write(day, [[brewery("a", name=f"name {number}"), brewery(day)]])
    bronze_to_silver.run(spark, layout, ANY)
    bronze.write(D2, [[brewery("a", name="corrected"), brewery("late")]])

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(silver, "write_rejected", killed)
        with pytest.raises(KeyboardInterrupt):
            bronze_to_silver.run(spark, layout, ANY)
    assert {id for id, row in lake.silver().items() if row["is_current"]} == {"a", D1}
    rows = bronze_to_silver.run(spark, layout, ANY)
    assert [row.ingestion_date for row in rows] == [date(D2), date(D3)]
    state = {id: (row["is_current"], row["last_change"]) for id, row in lake.silver().items()}
    assert state == {
        "a": (True, "changed"),
        D1: (False, "removed"),
        "late": (False, "removed"),
        D3: (True, "added"),
    }


def test_history_that_was_vacuumed_is_made_up_from_bronze(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    lake: Any,
    brewery: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number, day in enumerate((D1, D2, D3)):
        bronze.write(day, [[brewery("a", name=f"name {number}"), brewery(day)]])
    bronze_to_silver.run(spark, layout, ANY)
    current = {Path(unquote(name)).name for name in lake.frame(layout.silver_breweries).inputFiles()}
    for file in Path(layout.silver_breweries).glob("*.parquet"):
        if file.name not in current:
            file.unlink()
    bronze.write(D2, [[brewery("a", name="corrected"), brewery("late")]])
    with caplog.at_level(logging.WARNING, logger="lakehouse"):
        rows = bronze_to_silver.run(spark, layout, ANY)
    assert "rebuilt from bronze" in caplog.text
    assert [row.ingestion_date for row in rows] == [date(D1), date(D2), date(D3)]
    state = {id: (row["is_current"], row["first_seen"], row["name"]) for id, row in lake.silver().items()}
    assert state == {
        "a": (True, date(D1), "name 2"),
        D1: (False, date(D1), f"Brewery {D1}"),
        "late": (False, date(D2), "Brewery late"),
        D3: (True, date(D3), f"Brewery {D3}"),
    }


def test_silver_that_was_restored_by_hand_catches_up(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a")]])
    bronze.write(D2, [[brewery("b")]])
    first, _ = bronze_to_silver.run(spark, layout, ANY)
    expected = lake.brief()
    lines = maintenance.run(spark, layout, ["restore"], table="silver/breweries", version=first.silver_version)
    assert lines == [f"silver/breweries: restored to version {first.silver_version}"]
    assert set(lake.silver()) == {"a"}
    assert [row.ingestion_date for row in bronze_to_silver.run(spark, layout, ANY)] == [date(D2)]
    assert lake.brief() == expected


def test_a_bad_day_can_be_taken_out(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a")]])
    bad = bronze.write(D2, [[brewery("b"), brewery("c", name="")]])
    first, _ = bronze_to_silver.run(spark, layout, ANY)
    folder = Path(layout.bronze_run(date(D2), bad.run_id))
    folder.rename(folder.parents[3] / "taken out")
    maintenance.run(spark, layout, ["restore"], table="silver/breweries", version=first.silver_version)
    assert bronze_to_silver.run(spark, layout, ANY) == []
    assert [row["ingestion_date"] for row in lake.rows(layout.silver_runs)] == [date(D1)]
    assert lake.rows(layout.silver_rejected) == []
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)
    assert [row["total"] for row in lake.rows(layout.gold("daily_changes"))] == [1]
