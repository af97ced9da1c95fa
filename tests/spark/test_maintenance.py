"""OPTIMIZE, VACUUM, history and restore."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from brewery.contract.claims import CLAIM, claim_name
from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from brewery.contract.upkeep import Upkeep
from lakehouse import deltalog, maintenance
from lakehouse.errors import LakehouseError, TransientError
from lakehouse.jobs import bronze_to_silver
from lakehouse.jobs import maintenance as job
from lakehouse.maintenance import Version
from lakehouse.storage import Files

pytestmark = [pytest.mark.spark, pytest.mark.days]

Make = Callable[..., dict[str, Any]]


def test_upkeep_and_time_travel(spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make) -> None:
    for day, ids in (("2026-03-01", "ab"), ("2026-03-02", "abc")):
        bronze.write(day, [[brewery(id) for id in ids]])
    first, second = bronze_to_silver.run(spark, layout, Limits(drop=1.0))
    lines = job.run(spark, layout)
    assert "silver/breweries: optimised" in lines
    assert "silver/breweries: vacuumed, 168 hours kept" in lines
    assert bronze_to_silver.run(spark, layout) == []
    path = layout.silver_breweries
    then = spark.read.format("delta").option("versionAsOf", first.silver_version).load(path)
    assert sorted(row["id"] for row in then.collect()) == ["a", "b"]
    history = maintenance.history(spark, path)
    assert history[-1].metadata is not None
    assert first.run_id in history[-1].metadata
    at = next(row.committed_at for row in history if row.version == second.silver_version)
    before = at - dt.timedelta(milliseconds=1)
    assert maintenance.restore(spark, path, at=before) == first.silver_version
    assert set(lake.silver()) == {"a", "b"}
    newest = next(deltalog.commits(Files(spark, layout.root), path))
    assert (newest.operation, newest.restored_version) == ("RESTORE", first.silver_version)
    (again,) = bronze_to_silver.run(spark, layout, Limits(drop=1.0))
    assert again.run_id == second.run_id
    assert set(lake.silver()) == {"a", "b", "c"}
    assert any(
        line.startswith("silver/breweries: version ") and "RESTORE" in line
        for line in job.run(spark, layout, ["history"], table="silver/breweries")
    )


def test_quality_results_expire(spark: SparkSession, layout: Layout, bronze: Any, brewery: Make) -> None:
    bronze.write("2026-03-01", [[brewery("a")]])
    bronze_to_silver.run(spark, layout)
    results = spark.read.format("delta").load(layout.quality_results)
    kept = results.count()
    old = results.limit(2).withColumn("checked_at", sf.current_timestamp() - sf.expr("interval 91 days"))
    old.write.format("delta").mode("append").save(layout.quality_results)
    job.run(spark, layout, keep_results_days=92)
    assert spark.read.format("delta").load(layout.quality_results).count() == kept + 2
    lines = job.run(spark, layout)
    assert "quality/results: 90 days kept" in lines
    assert spark.read.format("delta").load(layout.quality_results).count() == kept
    upkeep = Upkeep.from_json(Path(layout.upkeep).read_text(encoding="utf-8"))
    assert lines[-1] == f"files: {upkeep.files_before} before, {upkeep.files} now"
    with pytest.raises(LakehouseError, match="cannot be kept for 0 days"):
        job.run(spark, layout, keep_results_days=0)


def test_another_writer_ends_the_maintenance(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze.write("2026-03-01", [[brewery("a")]])
    bronze_to_silver.run(spark, layout)
    claims = Path(layout.claims)
    claims.mkdir()
    (claims / claim_name(8)).touch()
    monkeypatch.setenv(CLAIM, "7")
    for action in ("expire", "optimize", "vacuum", "checkpoint", "restore"):
        with pytest.raises(TransientError, match="another attempt has taken over"):
            job.run(spark, layout, [action], table="quality/results", version=0)


def test_requests_that_cannot_be_met(spark: SparkSession, layout: Layout) -> None:
    with pytest.raises(LakehouseError, match="no table silver/other: name one of silver/breweries"):
        job.run(spark, layout, ["history"], table="silver/other")
    with pytest.raises(LakehouseError, match="no Delta table at"):
        job.run(spark, layout, ["history"], table="silver/runs")
    with pytest.raises(LakehouseError, match="Name the table to restore"):
        job.run(spark, layout, ["restore"], version=1)
    with pytest.raises(LakehouseError, match="name at least 168"):
        maintenance.vacuum(spark, layout.silver_runs, retention_hours=1)
    assert job.run(spark, layout) == []


def test_the_version_at_a_moment() -> None:
    start = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
    versions = [Version(n, start + dt.timedelta(hours=n), "WRITE", None) for n in range(3)]
    assert maintenance.version_at(versions, start + dt.timedelta(minutes=90), "t") == 1
    with pytest.raises(LakehouseError, match="does not reach back"):
        maintenance.version_at(versions, start - dt.timedelta(seconds=1), "t")
