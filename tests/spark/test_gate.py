"""Write, audit, publish: gold changes only when every expectation holds."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.figures import Figures
from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from brewery.contract.manifest import Manifest
from lakehouse.errors import LakehouseError
from lakehouse.gold import GOLD
from lakehouse.jobs import bronze_to_silver, quality_gate, quarantine, silver_to_gold
from tests.spark.conftest import Bronze

pytestmark = [pytest.mark.spark, pytest.mark.days]

Make = Callable[..., dict[str, Any]]
D1, D2 = "2026-03-01", "2026-03-02"


@pytest.fixture(scope="module")
def published(
    spark: SparkSession, brewery: Make, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Layout, Manifest]:
    """A lakehouse in which gold of one day is published; the manifest of that day."""
    layout = Layout(str(tmp_path_factory.mktemp("published") / "lake house"))
    records = [brewery("a"), brewery("b", brewery_type="brewpub", phone=None, state_province=None)]
    manifest = Bronze(layout).write(D1, [records])
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)
    return layout, manifest


@pytest.fixture
def day_one(layout: Layout, published: tuple[Layout, Manifest]) -> Manifest:
    """A copy of that lakehouse, to change; the manifest of its day."""
    original, manifest = published
    shutil.copytree(original.root, layout.root)
    return manifest


@pytest.mark.usefixtures("day_one")
def test_gold_is_published_with_comments(spark: SparkSession, layout: Layout, lake: Any) -> None:
    by_type = {row["brewery_type"]: row["brewery_count"] for row in lake.rows(layout.gold("breweries_by_type"))}
    assert by_type == {"micro": 1, "brewpub": 1}
    (coverage,) = lake.rows(layout.gold("location_coverage"))
    assert (coverage["share_with_phone"], coverage["share_with_website"]) == (0.5, 1.0)
    for name in GOLD:
        path = layout.gold(name)
        assert spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["description"], name
        assert all(field.metadata.get("comment") for field in lake.frame(path).schema), name
    results = lake.rows(layout.quality_results)
    assert {row["gate"] for row in results} == {"snapshot", "publish"}
    assert all(row["passed"] for row in results)


@pytest.mark.usefixtures("day_one")
def test_a_failed_gate_leaves_gold_as_it_was(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    before = {name: (lake.version(layout.gold(name)), lake.rows(layout.gold(name))) for name in GOLD}
    bronze.write(D2, [[brewery("a"), brewery("b"), brewery("c")]])
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    damaged = spark.read.parquet(layout.gold_staging("breweries_by_country")).select(
        "country", (sf.col("brewery_count") - 1).alias("brewery_count")
    )
    rows = damaged.collect()
    spark.createDataFrame(rows, damaged.schema).write.mode("overwrite").parquet(
        layout.gold_staging("breweries_by_country")
    )
    with pytest.raises(LakehouseError, match="gold/breweries_by_country breweries_all_counted is 2, expected = 3"):
        quality_gate.run(spark, layout)
    assert {name: (lake.version(layout.gold(name)), lake.rows(layout.gold(name))) for name in GOLD} == before
    results = lake.rows(layout.quality_results)
    failed = [row["expectation"] for row in results if not row["passed"] and row["severity"] == "error"]
    assert failed == ["breweries_all_counted"]
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)
    assert [row["brewery_count"] for row in lake.rows(layout.gold("breweries_by_country"))] == [3]
    changes = {row["ingestion_date"]: row["added"] for row in lake.rows(layout.gold("daily_changes"))}
    assert changes == {dt.date(2026, 3, 1): 2, dt.date(2026, 3, 2): 1}


@pytest.mark.usefixtures("day_one")
def test_silver_that_was_tampered_with_fails_the_gate(spark: SparkSession, layout: Layout, lake: Any) -> None:
    silver = DeltaTable.forPath(spark, layout.silver_breweries)
    silver.update("id = 'a'", {"longitude": "500", "country": "null"})
    silver_to_gold.run(spark, layout)
    with pytest.raises(LakehouseError, match=r"country_present is 1.*coordinates_in_range is 1"):
        quality_gate.run(spark, layout)
    silver.delete("id = 'a'")
    silver_to_gold.run(spark, layout)
    with pytest.raises(LakehouseError, match="added_as_in_ledger is 1, expected = 2"):
        quality_gate.run(spark, layout)


@pytest.mark.usefixtures("day_one")
def test_an_unknown_type_is_kept_and_reported(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D2, [[brewery("a", brewery_type="Meadery"), brewery("b")]])
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    outcomes = {o.expectation.name: o for o in quality_gate.run(spark, layout)}
    assert not outcomes["type_known"].passed
    assert not outcomes["type_known"].failed
    assert "meadery" in {row["brewery_type"] for row in lake.rows(layout.gold("breweries_by_type"))}


def test_a_snapshot_that_is_too_old_fails_the_gate(spark: SparkSession, layout: Layout, day_one: Manifest) -> None:
    # Counted from the snapshot, not from the clock: a slow machine's set-up is not a part of its age.
    later = day_one.finished_at + dt.timedelta(hours=5)
    with pytest.raises(LakehouseError, match="age_of_newest_snapshot_in_hours is 5, expected ≤ 4"):
        quality_gate.run(spark, layout, Limits(max_age_hours=4), now=later)


@pytest.mark.usefixtures("day_one")
def test_the_gate_refuses_what_was_staged_from_another_silver(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make
) -> None:
    bronze.write(D2, [[brewery("a"), brewery("b")]])
    bronze_to_silver.run(spark, layout)
    with pytest.raises(LakehouseError, match="run silver_to_gold again"):
        quality_gate.run(spark, layout)
    marker = Path(layout.root) / "gold" / "_staging" / "_stage.json"
    marker.with_name("._stage.json.crc").unlink()
    marker.write_text("[]")
    with pytest.raises(LakehouseError, match="is not what silver_to_gold writes"):
        quality_gate.run(spark, layout)
    marker.unlink()
    with pytest.raises(LakehouseError, match="No gold tables are staged"):
        quality_gate.run(spark, layout)


def test_jobs_in_the_wrong_order(spark: SparkSession, layout: Layout) -> None:
    with pytest.raises(LakehouseError, match="run bronze_to_silver first"):
        silver_to_gold.run(spark, layout)
    with pytest.raises(LakehouseError, match="run bronze_to_silver first"):
        quality_gate.run(spark, layout)


def publish(spark: SparkSession, layout: Layout, later: dt.timedelta = dt.timedelta(0)) -> dict[str, Any]:
    """Run all three jobs; the outcomes of the last one by name."""
    bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    now = dt.datetime.now(dt.timezone.utc) + later
    return {outcome.expectation.name: outcome for outcome in quality_gate.run(spark, layout, now=now)}


def test_a_backfill_is_published_however_old_the_newest_snapshot_is(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D2, [[brewery("a"), brewery("b")]])
    publish(spark, layout)
    bronze.write(D1, [[brewery("a")]])
    outcomes = publish(spark, layout, dt.timedelta(days=5))
    age = outcomes["age_of_newest_snapshot_in_hours"]
    assert (age.passed, age.failed) == (False, False)
    changes = {row["ingestion_date"]: row["added"] for row in lake.rows(layout.gold("daily_changes"))}
    assert changes == {dt.date(2026, 3, 1): 1, dt.date(2026, 3, 2): 1}
    bronze.write("2026-03-03", [[brewery("a"), brewery("b")]])
    with pytest.raises(LakehouseError, match="age_of_newest_snapshot_in_hours"):
        publish(spark, layout, dt.timedelta(days=5))


def test_an_accepted_run_is_as_recent_as_its_acceptance(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bronze, "now", dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=5))
    bronze.write(D1, [[brewery(str(n)) for n in range(4)]])
    bronze.write(D2, [[brewery("0")]])
    with pytest.raises(LakehouseError, match="in quarantine"):
        bronze_to_silver.run(spark, layout)
    silver_to_gold.run(spark, layout)
    with pytest.raises(LakehouseError, match="age_of_newest_snapshot_in_hours"):
        quality_gate.run(spark, layout)
    quarantine.run(spark, layout, "accept", [dt.date.fromisoformat(D2)], by="Ada", reason="true")
    assert publish(spark, layout)["age_of_newest_snapshot_in_hours"].passed


def test_breweries_that_are_gone_are_a_warning_and_a_figure(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery(str(n)) for n in range(100)]])
    bronze.write(D2, [[brewery(str(n)) for n in range(3, 103)]])
    gone = publish(spark, layout)["share_of_breweries_gone"]
    assert (gone.passed, gone.failed, gone.observed) == (False, False, "0.03")
    figures = Figures.from_json(Path(layout.figures).read_text(encoding="utf-8"))
    assert (figures.gone, figures.in_quarantine, figures.gold) == (3, 0, 100)
    bronze.write("2026-03-03", [[brewery("3")]])
    with pytest.raises(LakehouseError, match="in quarantine"):
        bronze_to_silver.run(spark, layout)
    bronze.write("2026-03-04", [[brewery(str(n)) for n in range(5, 103)]])
    assert publish(spark, layout)["share_of_breweries_gone"].passed
    figures = Figures.from_json(Path(layout.figures).read_text(encoding="utf-8"))
    assert (figures.gone, figures.in_quarantine) == (2, 1)
