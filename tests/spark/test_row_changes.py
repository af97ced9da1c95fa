"""A day writes the rows that it changes and no others: commits and change data feed against plain Python."""

import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyspark
import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from lakehouse import comparison, silver
from lakehouse.errors import LakehouseError
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from tests.oracle.lakehouse import Day, Expected

pytestmark = [pytest.mark.spark, pytest.mark.days]

Make = Callable[..., dict[str, Any]]
D1, D2, D3, D4 = "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"
ANY = Limits(rejected_share=1.0, drop=1.0)
MARKS_ROWS = not pyspark.__version__.startswith("3.3.")


@pytest.fixture(autouse=True)
def compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a run is, its lines are compared with silver before they are parsed."""
    monkeypatch.setattr(silver, "WORTH_COMPARING", 0)


def commit(layout: Layout, version: int) -> list[dict[str, Any]]:
    """The actions of a commit of silver."""
    text = (Path(layout.silver_breweries) / "_delta_log" / f"{version:020}.json").read_text()
    return [json.loads(line) for line in text.splitlines()]


def fed(spark: SparkSession, layout: Layout, version: int) -> set[tuple[str, str]]:
    """What the change data feed says of a version: (id, kind of change)."""
    reader = spark.read.format("delta").option("readChangeFeed", "true")
    rows = reader.option("startingVersion", version).option("endingVersion", version).load(layout.silver_breweries)
    return {(row["id"], row["_change_type"]) for row in rows.collect()}


def updates(ids: Iterable[str]) -> set[tuple[str, str]]:
    return {(id, f"update_{image}") for id in ids for image in ("preimage", "postimage")}


def test_a_day_writes_what_it_changes(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    ids = [f"stays {number}" for number in range(40)]
    stay = [brewery(id) for id in ids]
    bronze.write(D1, [stay, [brewery("changes"), brewery("goes"), brewery("listed")]])
    bronze.write(D2, [[brewery("changes", name="New"), brewery("listed", name=7), brewery("new")], stay[::-1]])
    bronze.write(D3, [[brewery("goes")], [*stay, brewery("listed"), brewery("changes", name="New")]])
    first, second, third = bronze_to_silver.run(spark, layout, ANY)
    assert (second.added, second.changed, second.removed, second.silver_records, second.total) == (1, 1, 1, 42, 43)
    assert (third.added, third.changed, third.removed, third.silver_records, third.total) == (1, 0, 1, 43, 43)
    assert fed(spark, layout, second.silver_version) == updates(["changes", "goes"]) | {("new", "insert")}
    assert fed(spark, layout, third.silver_version) == updates(["goes", "new"])
    assert {lake.silver()[id]["run_id"] for id in ids} == {first.run_id}
    if MARKS_ROWS:
        written = [a["add"] for a in commit(layout, second.silver_version) if "add" in a]
        new = [add for add in written if not add.get("deletionVector")]
        assert sum(json.loads(add["stats"])["numRecords"] for add in new) == 3
        assert sum(add["deletionVector"]["cardinality"] for add in written if add.get("deletionVector")) == 2


def test_few_rows_meet_the_condition_that_every_change_meets(spark: SparkSession) -> None:
    ids = spark.range(50_000).selectExpr("concat('id-', id) as id")
    for rows in (0, 1, 17, 4_000):
        changes = ids.limit(rows)
        condition = comparison.among("id", changes, rows)
        assert changes.where(condition).count() == rows
        assert ids.where(condition).count() <= rows + 50_000 / 4


def test_no_cached_query_reads_silver_while_it_changes(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Any = spark._jsparkSession
    # Tests before this one may have left queries in the session's cache.
    spark.catalog.clearCache()
    cached = []
    merge = silver._merge

    def watched(*arguments: Any) -> None:
        cached.append(not state.sharedState().cacheManager().isEmpty())
        merge(*arguments)

    monkeypatch.setattr(silver, "_merge", watched)
    bronze.write(D1, [[brewery("a"), brewery("b")]])
    bronze.write(D2, [[brewery("b", name="New"), brewery("c")]])
    bronze_to_silver.run(spark, layout, ANY)
    monkeypatch.setattr(silver, "WORTH_COMPARING", 1_000)
    bronze.write(D3, [[brewery("b"), brewery("d")]])
    bronze_to_silver.run(spark, layout, ANY)
    assert cached == [False, False]


def test_a_day_without_changes_is_a_commit_without_files(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b")]])
    bronze.write(D2, [[brewery("b"), brewery("a")]])
    _, row = bronze_to_silver.run(spark, layout)
    assert (row.added, row.changed, row.removed, row.silver_records, row.total) == (0, 0, 0, 2, 2)
    (information,) = commit(layout, row.silver_version)
    assert row.run_id in information["commitInfo"]["userMetadata"]
    assert bronze_to_silver.run(spark, layout) == []


def respell(layout: Layout, manifest: Any, page: int) -> None:
    """Write the lines of a page with other whitespace; the manifest follows."""
    folder = Path(layout.bronze_run(manifest.ingestion_date, manifest.run_id))
    file = folder / manifest.files[page].name
    text = gzip.decompress(file.read_bytes()).decode().replace('":', '" :  ')
    file.write_bytes(data := gzip.compress(text.encode(), mtime=0))
    known = json.loads((folder / "_manifest.json").read_text())
    known["files"][page].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    (folder / "_manifest.json").write_text(json.dumps(known))


def test_a_line_with_other_whitespace_is_written_once(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a")], [brewery("b")]])
    for day in (D2, D3):
        respell(layout, bronze.write(day, [[brewery("a")], [brewery("b")]]), 0)
    first, second, third = bronze_to_silver.run(spark, layout)
    assert [(row.added, row.changed, row.removed) for row in (second, third)] == [(0, 0, 0), (0, 0, 0)]
    assert fed(spark, layout, second.silver_version) == updates(["a"])
    assert not any("add" in action for action in commit(layout, third.silver_version))
    row = lake.silver()["a"]
    assert (row["last_change"], row["last_change_on"]) == ("added", dt.date.fromisoformat(D1))
    assert (row["run_id"], lake.silver()["b"]["run_id"]) == (second.run_id, first.run_id)
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)


@pytest.mark.parametrize("old_line_last", [False, True])
def test_position_decides_between_the_line_in_silver_and_another(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make, old_line_last: bool
) -> None:
    bronze.write(D1, [[brewery("a", name="Old"), brewery("b")]])
    lines = [brewery("a", name="Old"), brewery("a", name="New")]
    pages = [lines[::-1] if old_line_last else lines, [brewery("b"), brewery("b"), brewery("a", name=None)]]
    bronze.write(D2, pages)
    _, row = bronze_to_silver.run(spark, layout, ANY)
    assert lake.silver()["a"]["name"] == ("Old" if old_line_last else "New")
    assert (row.bronze_records, row.silver_records, row.duplicates, row.rejected) == (5, 2, 2, 1)
    assert (row.changed, row.total) == (0 if old_line_last else 1, 2)


def test_a_small_run_is_parsed_without_a_comparison(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = Mock(wraps=comparison.compare)
    monkeypatch.setattr(comparison, "compare", compare)
    monkeypatch.setattr(silver, "WORTH_COMPARING", 3)
    bronze.write(D1, [[brewery("a"), brewery("b"), brewery("c")]])
    bronze.write(D2, [[brewery("a"), brewery("b")]])
    (_, row) = bronze_to_silver.run(spark, layout, ANY)
    assert (compare.call_count, row.removed, row.silver_records) == (0, 1, 2)
    assert fed(spark, layout, row.silver_version) == updates(["c"])
    bronze.write(D3, [[brewery("a"), brewery("b"), brewery("d")]])
    bronze_to_silver.run(spark, layout, ANY)
    assert compare.call_count == 1


def test_other_rules_parse_every_line_again(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b"), brewery("goes")]])
    bronze.write(D2, [[brewery("b"), brewery("a")]])
    bronze_to_silver.run(spark, layout, ANY)
    bronze.write(D3, [[brewery("a"), brewery("b", name="New")]])
    with monkeypatch.context() as patch:
        patch.setattr(silver, "RULES", "of another version")
        patch.setattr(comparison, "compare", None)
        (row,) = bronze_to_silver.run(spark, layout, ANY)
    assert (row.added, row.changed, row.removed, row.total) == (0, 1, 0, 2)
    assert fed(spark, layout, row.silver_version) == updates(["b"])


def test_a_lakehouse_of_an_earlier_version_is_brought_up_to_date(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    """Earlier versions stored the newest date in every row, and no hash of the line."""
    bronze.write(D1, [[brewery("a"), brewery("b"), brewery("listed"), brewery("goes")]])
    bronze_to_silver.run(spark, layout)
    path = layout.silver_breweries
    (metadata,) = (json.loads(a["commitInfo"]["userMetadata"]) for a in commit(layout, 0) if "commitInfo" in a)
    mark = next(iter(metadata.values()))
    old_mark = {name: value for name, value in mark.items() if name not in ("kept", "rules")}
    rows = lake.frame(path).drop("raw_hash", "last_seen").selectExpr("*", "ingestion_date as last_seen").collect()
    schema = lake.frame(path).drop("raw_hash", "last_seen").selectExpr("*", "ingestion_date as last_seen").schema
    for file in sorted(Path(path).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", json.dumps({next(iter(metadata)): old_mark}))
    spark.createDataFrame(rows, schema).write.format("delta").save(path)
    spark.conf.unset("spark.databricks.delta.commitInfo.userMetadata")
    bronze.write(D2, [[brewery("a"), brewery("b", name="New"), brewery("listed", name=None)]])
    bronze.write(D3, [[brewery("a"), brewery("b", name="New"), brewery("listed", name=None)]])
    second, third = bronze_to_silver.run(spark, layout, ANY)
    assert (second.added, second.changed, second.removed, second.total) == (0, 1, 1, 3)
    seen = {id: row["last_seen"] for id, row in lake.silver().items()}
    assert seen == {"a": None, "b": None, "listed": None, "goes": dt.date.fromisoformat(D1)}
    assert not any("add" in action for action in commit(layout, third.silver_version))
    properties = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["properties"]
    assert properties["delta.enableChangeDataFeed"] == "true"
    assert all(field.metadata.get("comment") for field in lake.frame(path).schema if field.name == "raw_hash")
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)


def test_the_feed_is_what_the_days_changed(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    """Returned, rejected but listed, twice in the snapshot, changed and back: each day against the oracle."""
    days = {
        D1: [[brewery("a"), brewery("b"), brewery("c")], [brewery("d"), brewery("e")]],
        D2: [[brewery("a"), brewery("b", phone="1"), brewery("b")], [brewery("c", country=None), brewery("f")]],
        D3: [[brewery("d"), brewery("e", city=" Köln ")], [brewery("a"), brewery("a"), brewery("c"), brewery("b")]],
        D4: [[brewery("f"), brewery("a", rating=3)], [brewery("c"), brewery("b"), brewery("d", name=None)]],
    }
    for day, pages in days.items():
        bronze.write(day, pages)
    rows = bronze_to_silver.run(spark, layout, ANY)
    before: dict[str, Any] = {}
    for number, row in enumerate(rows, start=1):
        past = [
            Day(dt.date.fromisoformat(d), [*p[0], *p[1]], r.run_id)
            for (d, p), r in zip(days.items(), rows, strict=True)
        ]
        after = Expected(past[:number]).silver
        expected = {(id, "insert") for id in after.keys() - before.keys()}
        unmoved = {"source_file"}
        expected |= updates(
            id
            for id in after.keys() & before.keys()
            if any(after[id].get(n) != before[id].get(n) for n in after[id].keys() - unmoved)
        )
        assert fed(spark, layout, row.silver_version) == expected, row
        before = after


def test_a_commit_that_lost_rows_is_refused(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b")]])
    bronze_to_silver.run(spark, layout)
    bronze.write(D2, [[brewery("a", name="New"), brewery("b", name="New")]])
    merge = silver._merge

    def losing(lakehouse: Any, manifest: Any, changes: Any, new: Any, written: int) -> None:
        merge(lakehouse, manifest, changes.where("id <> 'b'"), new, written)

    monkeypatch.setattr(silver, "_merge", losing)
    with pytest.raises(LakehouseError, match=r"wrote 1 rows of silver instead of 2: restore the version before 1"):
        bronze_to_silver.run(spark, layout)
