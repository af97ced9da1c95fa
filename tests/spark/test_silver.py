"""Bronze to silver over days: what is added, changed, removed, rejected."""

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from lakehouse import ledger
from lakehouse.errors import LakehouseError
from lakehouse.jobs import bronze_to_silver
from lakehouse.storage import Lakehouse

pytestmark = pytest.mark.spark

Make = Callable[..., dict[str, Any]]
D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"
ANY = Limits(rejected_share=1.0, drop=1.0)
date = dt.date.fromisoformat


def test_the_days_of_a_brewery(spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make) -> None:
    bronze.write(D1, [[brewery("stays"), brewery("changes"), brewery("goes"), brewery("comes back")]])
    bronze.write(D2, [[brewery("stays"), brewery("changes", name="New"), brewery("new")]])
    bronze.write(D3, [[brewery("stays"), brewery("changes", name="New"), brewery("new"), brewery("comes back")]])
    rows = bronze_to_silver.run(spark, layout, ANY)
    d1, d2, d3 = date(D1), date(D2), date(D3)
    assert lake.brief() == {
        "stays": ("Brewery stays", True, "added", d1, d1, None),
        "changes": ("New", True, "changed", d2, d1, None),
        "goes": ("Brewery goes", False, "removed", d2, d1, d1),
        "comes back": ("Brewery comes back", True, "added", d3, d1, None),
        "new": ("Brewery new", True, "added", d2, d2, None),
    }
    counts = [(r.ingestion_date, r.bronze_records, r.added, r.changed, r.removed, r.total) for r in rows]
    assert counts == [(d1, 4, 4, 0, 0, 4), (d2, 3, 1, 1, 2, 3), (d3, 4, 1, 0, 0, 4)]
    assert lake.silver()["stays"]["run_id"] == rows[0].run_id
    assert lake.silver()["comes back"]["run_id"] == rows[-1].run_id
    assert lake.silver()["goes"]["run_id"] == rows[0].run_id
    assert lake.silver()["stays"]["source_file"] == "page-00001.jsonl.gz"


def test_the_second_day_does_not_double_the_first(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    """A count over all of bronze would see twice the records on the second day."""
    for day in (D1, D2):
        bronze.write(day, [[brewery("a"), brewery("b")]])
        (row,) = bronze_to_silver.run(spark, layout)
        assert (row.bronze_records, row.silver_records, row.total, row.unaccounted) == (2, 2, 2, 0)
    assert len(lake.silver()) == 2


def test_nothing_new_writes_nothing(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    assert bronze_to_silver.run(spark, layout) == []
    bronze.write(D1, [[brewery("a")]])
    assert len(bronze_to_silver.run(spark, layout)) == 1
    before = lake.version(layout.silver_breweries), lake.version(layout.silver_runs)
    assert bronze_to_silver.run(spark, layout) == []
    assert (lake.version(layout.silver_breweries), lake.version(layout.silver_runs)) == before


def test_rejected_records_are_kept_and_their_brewery_stays_current(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b"), brewery("gone")]])
    second = bronze.write(
        D2, [[brewery("b")], [brewery("a", name=None), brewery("a", name=7), brewery("x", country="")]]
    )
    first_row, row = bronze_to_silver.run(spark, layout, ANY)
    assert (row.silver_records, row.rejected, row.duplicates, row.unaccounted) == (1, 3, 0, 0)
    d1, d2 = date(D1), date(D2)
    assert lake.brief() == {
        "a": ("Brewery a", True, "added", d1, d1, None),
        "b": ("Brewery b", True, "added", d1, d1, None),
        "gone": ("Brewery gone", False, "removed", d2, d1, d1),
    }
    assert lake.silver()["a"]["run_id"] == first_row.run_id
    rejected = {
        (r["id"], tuple(r["reasons"]), r["source_file"], r["run_id"], r["ingestion_date"])
        for r in lake.rows(layout.silver_rejected)
    }
    where = ("page-00002.jsonl.gz", second.run_id, d2)
    assert rejected == {
        ("a", ("missing:name",), *where),
        ("a", ("retyped:name:number",), *where),
        ("x", ("missing:country",), *where),
    }


def test_a_date_again_replaces_its_rejected_records(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("bad", name=None)]])
    bronze_to_silver.run(spark, layout, ANY)
    assert len(lake.rows(layout.silver_rejected)) == 1
    bronze.write(D1, [[brewery("a"), brewery("bad")]])
    (row,) = bronze_to_silver.run(spark, layout, ANY)
    assert (row.rejected, row.silver_records) == (0, 2)
    assert lake.rows(layout.silver_rejected) == []


def test_duplicates_across_pages(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    for day, pages_per_file, source_file in (
        (D1, 1, "page-00003.jsonl.gz"),
        (D2, 2, "page-00003.jsonl.gz"),
        (D3, 3, "page-00001.jsonl.gz"),
    ):
        # Later in the list, but on an earlier page of the same file; on a later page of another one.
        pages = [
            [brewery("a", name=f"1 {day}"), brewery("b")],
            [brewery("b", name=f"2 {day}")],
            [brewery("a", name=f"3 {day}")],
        ]
        bronze.write(day, pages, pages_per_file=pages_per_file)
        (row,) = bronze_to_silver.run(spark, layout)
        assert (row.bronze_records, row.silver_records, row.duplicates) == (4, 2, 2)
        assert {id: row["name"] for id, row in lake.silver().items()} == {"a": f"3 {day}", "b": f"2 {day}"}
        assert lake.silver()["a"]["source_file"] == source_file


def test_a_new_field_becomes_a_column(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a"), brewery("b")]])
    bronze.write(D2, [[brewery("a", rating=5), brewery("b")]])
    bronze.write(D3, [[brewery("a"), brewery("b")]])
    rows = bronze_to_silver.run(spark, layout)
    assert [row.changed for row in rows] == [0, 1, 1]
    assert {id: row["rating"] for id, row in lake.silver().items()} == {"a": None, "b": None}
    before = spark.read.format("delta").option("versionAsOf", rows[1].silver_version).load(layout.silver_breweries)
    assert {row["id"]: row["rating"] for row in before.collect()} == {"a": "5", "b": None}


@pytest.mark.days
def test_fields_keep_their_columns_whatever_they_are_called(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make, odd_names: Sequence[str]
) -> None:
    every = {name: f"value {number}" for number, name in enumerate(odd_names)}
    early, late = (dict(list(every.items())[start::2]) for start in (0, 1))
    days = {D1: early, D2: late, D3: every}
    for day, fields in days.items():
        bronze.write(day, [[brewery("a", **fields), brewery("bad", name=None)]])
    rows = bronze_to_silver.run(spark, layout, ANY)
    for row, fields in zip(rows, days.values(), strict=True):
        frame = spark.read.format("delta").option("versionAsOf", row.silver_version).load(layout.silver_breweries)
        (brewery_a,) = frame.collect()
        columns = {_field_in(field.metadata["comment"]): field.name for field in frame.schema}
        assert {name: brewery_a[columns[name]] for name in fields} == fields


def _field_in(comment: str) -> str | None:
    quoted = re.fullmatch(r'Field (".*") of the source, as text; .*', comment)
    return json.loads(quoted[1]) if quoted else None


@pytest.mark.days
def test_columns_of_a_lakehouse_of_an_earlier_version_keep_their_names(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a", rating=5)]])
    bronze_to_silver.run(spark, layout)
    alter = f"ALTER TABLE delta.`{layout.silver_breweries}`"
    text = "of the source, as text; not known to this version of the pipeline"
    spark.sql(f"{alter} ALTER COLUMN rating COMMENT 'Field rating {text}'")
    spark.sql(f"{alter} ADD COLUMNS (opening_hours STRING COMMENT 'Field opening_hours {text}')")
    bronze.write(D2, [[brewery("a", rating=5, **{"Opening Hours": "9-17", "Rating": 1})]])
    bronze.write(D3, [[brewery("a", rating=5, opening_hours="10-18", **{"Opening Hours": "9-17", "Rating": 1})]])
    rows = bronze_to_silver.run(spark, layout)
    assert [row.changed for row in rows] == [1, 1]
    columns = {_field_in(f.metadata["comment"]): f.name for f in lake.frame(layout.silver_breweries).schema}
    assert (columns["rating"], columns["Opening Hours"]) == ("rating", "opening_hours")
    held = lake.silver()["a"]
    given = {name: held[columns[name]] for name in ("rating", "Rating", "Opening Hours", "opening_hours")}
    assert given == {"rating": "5", "Rating": "1", "Opening Hours": "9-17", "opening_hours": "10-18"}


def test_too_many_new_fields_leave_silver_untouched(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a", **{f"id {number}": 1 for number in range(10_000)})]])
    with pytest.raises(LakehouseError, match=r"^Silver would have 10,000 columns for new fields .*, then ingest"):
        bronze_to_silver.run(spark, layout)
    assert not Path(layout.silver_breweries).exists()


def test_a_snapshot_with_too_many_rejected_leaves_silver_untouched(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery(str(i)) for i in range(20)]])
    bronze_to_silver.run(spark, layout)
    before = lake.version(layout.silver_breweries)
    bronze.write(D2, [[brewery(str(i), name=i if i < 2 else "x") for i in range(20)]])
    with pytest.raises(LakehouseError, match=r"rejected_share is 0.1, expected ≤ 0.05.*retyped:name:number \(2\)"):
        bronze_to_silver.run(spark, layout)
    assert lake.version(layout.silver_breweries) == before
    outcomes = {r["expectation"]: r for r in lake.rows(layout.quality_results) if r["ingestion_date"] == date(D2)}
    assert outcomes["rejected_share"]["passed"] is False
    assert outcomes["rejected_share"]["gate"] == "snapshot"
    assert outcomes["records"]["passed"] is True
    bronze.write(D2, [[brewery(str(i)) for i in range(20)]])
    assert len(bronze_to_silver.run(spark, layout)) == 1


@pytest.mark.parametrize(("second", "names"), [([["a"]], "drop"), ([[]], "records is 0")])
def test_a_snapshot_that_lost_breweries_is_refused(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make, second: list[list[str]], names: str
) -> None:
    bronze.write(D1, [[brewery(id) for id in "abc"]])
    bronze.write(D2, [[brewery(id) for id in page] for page in second])
    with pytest.raises(LakehouseError, match=names):
        bronze_to_silver.run(spark, layout)
    assert [row.ingestion_date for row in ledger.read_ledger(Lakehouse.open(spark, layout))] == [date(D1)]


def test_a_damaged_file_is_named(spark: SparkSession, layout: Layout, bronze: Any, brewery: Make) -> None:
    run = bronze.write(D1, [[brewery("a")], [brewery("b")]])
    folder = Path(layout.bronze_run(date(D1), run.run_id))
    data = bytearray((folder / "page-00002.jsonl.gz").read_bytes())
    data[12] ^= 1
    (folder / "page-00002.jsonl.gz").write_bytes(bytes(data))
    with pytest.raises(LakehouseError, match=r"page-00002\.jsonl\.gz is not what was written"):
        bronze_to_silver.run(spark, layout)
    (folder / "page-00002.jsonl.gz").unlink()
    with pytest.raises(LakehouseError, match=r"page-00002\.jsonl\.gz is missing"):
        bronze_to_silver.run(spark, layout)
    assert not Path(layout.silver_breweries).exists()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        pytest.param(lambda data, second: data[:second] + b"x" + data[second + 1 :], "page 2 in {}", id="changed"),
        pytest.param(lambda data, _: data[:-1], "page 3 in {}", id="cut off"),
        pytest.param(
            lambda data, second: data[:second], "page 2 in {0} is not what was written, page 3 in {0}", id="halved"
        ),
        pytest.param(lambda data, second: data + data[:second], "{} has more than its pages", id="longer"),
        pytest.param(lambda _data, _second: None, "{} is missing (pages 1 to 3)", id="gone"),
    ],
)
def test_damage_to_pages_that_share_a_file_is_named(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    brewery: Make,
    damage: Callable[[bytes, int], bytes | None],
    sentence: str,
) -> None:
    run = bronze.write(D1, [[brewery("a")], [brewery("b")], [brewery("c")]], pages_per_file=3)
    path = Path(layout.bronze_run(date(D1), run.run_id)) / "page-00001.jsonl.gz"
    damaged = damage(path.read_bytes(), run.files[1].offset)
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    with pytest.raises(LakehouseError, match=re.escape(f"is damaged ({sentence.format(path.name)}")):
        bronze_to_silver.run(spark, layout)
    assert not Path(layout.silver_breweries).exists()


def test_manifests(spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make) -> None:
    run = bronze.write(D1, [[brewery("a")]])
    unfinished = Path(layout.bronze_run(date(D2), "unfinished"))
    unfinished.mkdir(parents=True)
    (unfinished / "page-00001.jsonl.gz").write_bytes(b"half")
    assert [row.run_id for row in bronze_to_silver.run(spark, layout)] == [run.run_id]
    (unfinished / "_manifest.json").write_text('{"format": "other"}')
    with pytest.raises(LakehouseError, match=r"unfinished/_manifest\.json cannot be used \(the manifest was not"):
        bronze_to_silver.run(spark, layout)
    assert set(lake.silver()) == {"a"}


def test_a_file_that_the_manifest_does_not_name_is_not_read(
    spark: SparkSession, layout: Layout, bronze: Any, lake: Any, brewery: Make
) -> None:
    run = bronze.write(D1, [[brewery("a")], [brewery("b")]])
    folder = Path(layout.bronze_run(date(D1), run.run_id))
    (folder / "page-00003.jsonl.gz").write_bytes((folder / "page-00002.jsonl.gz").read_bytes())
    (row,) = bronze_to_silver.run(spark, layout)
    assert (row.bronze_records, row.duplicates) == (2, 0)
    assert set(lake.silver()) == {"a", "b"}


def test_tables_and_columns_say_what_they_are(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Make
) -> None:
    bronze.write(D1, [[brewery("a", rating=5), brewery("bad", name=None)]])
    bronze.write(D2, [[brewery("a", mood="good")]])
    bronze_to_silver.run(spark, layout, ANY)
    for path in (layout.silver_breweries, layout.silver_rejected, layout.silver_runs, layout.quality_results):
        detail = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]
        assert detail["description"], path
        assert detail["properties"]["delta.deletedFileRetentionDuration"] == "interval 7 days"
        for field in spark.read.format("delta").load(path).schema:
            assert field.metadata.get("comment"), f"{path} {field.name}"
