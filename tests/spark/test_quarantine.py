"""Refused snapshots: in bronze, listed, never in silver, until a person decides."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from brewery.contract.decisions import DecisionError
from brewery.contract.layout import Layout
from brewery.contract.manifest import Manifest
from lakehouse.errors import LakehouseError
from lakehouse.jobs import bronze_to_silver, quality_gate, quarantine, silver_to_gold
from tests.oracle.lakehouse import Day, Expected

pytestmark = [pytest.mark.spark, pytest.mark.days]

Make = Callable[..., dict[str, Any]]
D1, D2, D3, D4 = (f"2026-03-0{day}" for day in (1, 2, 3, 4))
WHOLE, FEW = range(20), range(2)


class Story:
    """Days of one lakehouse, told to the jobs and to the oracle."""

    def __init__(self, spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make) -> None:
        self.spark, self.layout, self.bronze, self.lake, self.brewery = spark, layout, bronze, lake, brewery
        self.records: dict[str, list[dict[str, Any]]] = {}

    def day(self, date: str, numbers: Any) -> Manifest:
        """Ingest; each day's breweries differ a little from those of the others."""
        records = [self.brewery(f"id-{n}", name=f"{n} on {date}" if n % 5 == 0 else f"{n}") for n in numbers]
        manifest: Manifest = self.bronze.write(date, [records])
        self.records[manifest.run_id] = records
        return manifest

    def green(self) -> None:
        bronze_to_silver.run(self.spark, self.layout)
        silver_to_gold.run(self.spark, self.layout)
        quality_gate.run(self.spark, self.layout)

    def red(self, *words: str) -> None:
        with pytest.raises(LakehouseError) as caught:
            bronze_to_silver.run(self.spark, self.layout)
        for word in words:
            assert word in str(caught.value)

    def decide(self, action: str, date: str) -> list[str]:
        dates = [dt.date.fromisoformat(date)]
        return quarantine.run(self.spark, self.layout, action, dates, by="Ada", reason="checked by hand")

    def holds(self, *runs: Manifest) -> None:
        """Silver, the ledger and gold are what the oracle makes of these runs."""
        expected = Expected([Day(run.ingestion_date, self.records[run.run_id], run.run_id) for run in runs])
        actual = self.lake.silver()
        for id, row in expected.silver.items():
            assert {name: actual[id][name] for name in row} == row
        assert set(actual) == set(expected.silver)
        assert [row["run_id"] for row in self._sorted(self.layout.silver_runs)] == [run.run_id for run in runs]
        assert self._sorted(self.layout.gold("daily_changes")) == expected.gold("daily_changes")
        (by_country,) = self.lake.rows(self.layout.gold("breweries_by_country"))
        assert by_country["brewery_count"] == len(expected.current)

    def _sorted(self, path: str) -> list[dict[str, Any]]:
        return sorted(self.lake.rows(path), key=lambda row: row["ingestion_date"])


@pytest.fixture
def story(spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make) -> Story:
    return Story(spark, layout, bronze, lake, brewery)


def test_a_refused_day_blocks_no_later_one_and_can_be_accepted(story: Story, layout: Layout) -> None:
    first = story.day(D1, WHOLE)
    story.green()
    refused = story.day(D2, FEW)
    story.red("drop_against_the_day_before is 0.9", refused.run_id, f"ingest {D2} again", "quarantine")
    story.red(refused.run_id)
    (line,) = quarantine.run(story.spark, layout, "list", [], by="", reason="")
    assert line.startswith(f"{D2} {refused.run_id}: in quarantine since ")
    assert "drop_against_the_day_before is 0.9, expected ≤ 0.2" in line
    third = story.day(D3, WHOLE)
    story.green()
    story.holds(first, third)
    assert "accepted on " in story.decide("accept", D2)[-1]
    story.green()
    story.holds(first, refused, third)
    (decision,) = (p for p in map(_read, Path(layout.decisions).glob("*.json")) if p["verdict"] == "accepted")
    assert (decision["by"], decision["reason"], decision["runs"]) == (
        "Ada",
        "checked by hand",
        [{"ingestion_date": D2, "run_id": refused.run_id}],
    )
    story.decide("discard", D2)
    story.green()
    story.holds(first, third)


def test_the_first_day_and_two_days_in_a_row_are_refused(story: Story, brewery: Make) -> None:
    bad = story.bronze.write(D1, [[brewery(str(n), name=None) for n in range(10)]])
    story.red("rejected_share is 1, expected ≤ 0.05", "missing:name (10)", bad.run_id)
    second = story.day(D2, WHOLE)
    story.green()
    third, fourth = story.day(D3, FEW), story.day(D4, FEW)
    story.red(fourth.run_id)
    story.decide("accept", D3)
    # The fourth day is judged again, now against the third.
    story.green()
    story.holds(second, third, fourth)
    story.decide("discard", D1)
    story.green()
    story.holds(second, third, fourth)


def test_a_refused_day_is_superseded_by_the_same_date_again(story: Story, layout: Layout) -> None:
    first = story.day(D1, WHOLE)
    story.green()
    story.day(D2, FEW)
    story.red(D2)
    again = story.day(D2, WHOLE)
    story.green()
    story.holds(first, again)
    assert quarantine.run(story.spark, layout, "list", [], by="", reason="") == ["No run is in quarantine."]
    worse = story.day(D2, FEW)
    story.red(worse.run_id)
    story.holds(first, again)
    with pytest.raises(DecisionError, match="no committed run of 2026-03-04"):
        story.decide("accept", D4)
    with pytest.raises(DecisionError, match=r"of 2026-03-01 is not in quarantine"):
        story.decide("accept", D1)
    assert story.decide("discard", D2)[0] == "No run is in quarantine."
    with pytest.raises(DecisionError, match=r"was discarded on .* by Ada: nothing is left to decide"):
        story.decide("discard", D2)
    story.green()
    story.holds(first, again)


def test_a_day_that_the_publish_gate_refused_can_be_discarded(story: Story, layout: Layout) -> None:
    first = story.day(D1, WHOLE)
    story.green()
    second = story.day(D2, WHOLE)
    bronze_to_silver.run(story.spark, layout)
    story.decide("discard", D2)
    story.green()
    story.holds(first)
    story.decide("discard", D1)
    story.red("would leave silver empty")
    story.decide("accept", D2)
    story.green()
    story.holds(second)


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
