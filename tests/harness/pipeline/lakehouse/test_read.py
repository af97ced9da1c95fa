"""The lakehouse's tables, reduced to a summary."""

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from brewery.contract.decisions import SNAPSHOT_GATE, Decision
from brewery.contract.manifest import Manifest, SourceProfile
from brewery.quarantine import record
from brewery.storage import Storage
from harness.errors import HarnessError
from harness.pipeline.lakehouse.model import (
    City,
    Count,
    Coverage,
    DailyChange,
    Disappeared,
    Refusal,
    StageTime,
    State,
)
from harness.pipeline.lakehouse.read import summarise
from lakehouse.gold import GOLD
from lakehouse.quality.expectations import Example

DAY_1, DAY_2 = dt.date(2026, 3, 1), dt.date(2026, 3, 2)


def test_gold_is_read_most_breweries_first(lakehouse: Path) -> None:
    summary = summarise(lakehouse)
    assert summary.by_type == [Count("micro", 3), Count("brewpub", 1), Count("regional", 1)]
    assert summary.by_country == [Count("United States", 4), Count("Belgium", 1)]
    assert summary.states == [State("Oregon", "United States", 3), State("New York", "United States", 1)]
    assert summary.cities == [
        City("Portland", "Oregon", "United States", 3),
        City("Antwerp", None, "Belgium", 1),
        City("Cooperstown", "New York", "United States", 1),
    ]
    assert (summary.location_rows, summary.state_count, summary.city_count) == (4, 2, 3)
    assert summary.coverage == [
        Coverage("United States", 4, coordinates=0.75, website=0.25, phone=0.25, postal_code=0.25),
        Coverage("Belgium", 1, coordinates=1.0, website=1.0, phone=1.0, postal_code=0.0),
    ]


def test_days_come_oldest_first(lakehouse: Path) -> None:
    summary = summarise(lakehouse)
    assert [run.ingestion_date for run in summary.runs] == [DAY_1, DAY_2]
    assert summary.daily_changes[1] == DailyChange(DAY_2, 5, 1, 3, 1, 2, 2)
    assert summary.latest.run_id == "day2-run"
    assert summary.latest.applied_at == dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
    assert summary.latest.unaccounted == 0


def test_a_record_that_went_missing_is_counted(
    tmp_path: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    lakehouse_rows["days"][1]["bronze_records"] = 12
    assert summarise(write(tmp_path / "l", **lakehouse_rows)).latest.unaccounted == 3


def test_breweries_that_disappeared_are_named_above_the_limit(lakehouse: Path) -> None:
    assert summarise(lakehouse).disappeared == Disappeared(DAY_2, 1, 0.2, ["Closed Down"])
    assert summarise(lakehouse, warn_gone=0.2).disappeared is None


def test_runs_in_quarantine_are_read_from_the_decisions(lakehouse: Path) -> None:
    assert summarise(lakehouse).quarantine == []
    date, now = dt.date(2026, 3, 3), dt.datetime(2026, 3, 3, 6, tzinfo=dt.UTC)
    storage = Storage.for_uri(str(lakehouse))
    manifest = Manifest(date, "bad", "", 0, 0, [], SourceProfile(), now, now)
    storage.write(storage.layout.manifest(date, "bad"), manifest.to_json().encode())
    record(storage, Decision("refused", [(date, "bad")], now, SNAPSHOT_GATE, "too small", "day2-run"))
    assert summarise(lakehouse).quarantine == [Refusal(date, "bad", now, "too small")]


def test_current_rows_are_binned_for_the_map(lakehouse: Path) -> None:
    summary = summarise(lakehouse)
    assert (summary.current, summary.gone, summary.without_coordinates) == (5, 1, 1)
    portland = summary.cells[0]
    assert (portland.breweries, portland.country) == (2, "United States")
    assert portland.longitude == pytest.approx(-122.65)
    assert portland.latitude == pytest.approx(45.52)
    assert sum(cell.breweries for cell in summary.cells) == 4


def test_map_squares_widen_until_they_are_few(
    tmp_path: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    base = lakehouse_rows["breweries"][0]
    lakehouse_rows["breweries"] = [
        {**base, "id": f"{x}/{y}", "longitude": x * 0.5 + 0.1, "latitude": y * 0.5 + 0.1}
        for x in range(60)
        for y in range(60)
    ]
    summary = summarise(write(tmp_path / "l", **lakehouse_rows))
    assert summary.cell_degrees == 1.0
    assert len(summary.cells) == 900
    assert {cell.breweries for cell in summary.cells} == {4}


def test_rejected_records_of_superseded_runs_do_not_count(lakehouse: Path) -> None:
    summary = summarise(lakehouse)
    assert summary.rejected_reasons == {"missing id": 2, "missing country": 1, "missing name": 1}
    assert [(r.ingestion_date, r.record_id) for r in summary.rejected_examples] == [
        (DAY_2, "id-9"),
        (DAY_2, None),
        (DAY_1, None),
    ]


def test_the_gate_is_the_latest_word_on_the_latest_run(lakehouse: Path) -> None:
    gate = summarise(lakehouse).gate
    assert gate is not None
    assert [(check.expectation, check.outcome) for check in gate.checks] == [
        ("ids are unique", "pass"),
        ("types are known", "warn"),
    ]
    assert gate.passed
    assert gate.run_id == "day2-run"


def test_the_examples_of_a_check_are_read(lakehouse: Path) -> None:
    results = pa.table(DeltaTable(lakehouse / "quality/results").to_pyarrow_table())
    rows = results.to_pylist()
    for row in rows:
        row["examples"] = [{"id": "a", "name": "A", "value": "0.0, 0.0"}] if not row["passed"] else None
    kind = pa.list_(pa.struct([("id", pa.string()), ("name", pa.string()), ("value", pa.string())]))
    table = pa.Table.from_pylist(rows, results.schema.append(pa.field("examples", kind)))
    write_deltalake(lakehouse / "quality/results", table, mode="overwrite", schema_mode="overwrite")
    gate = summarise(lakehouse).gate
    assert gate is not None
    assert [check.examples for check in gate.checks] == [(), (Example("a", "A", "0.0, 0.0"),)]


def test_tables_that_only_trouble_brings_may_be_absent(lakehouse: Path) -> None:
    shutil.rmtree(lakehouse / "silver/breweries_rejected")
    shutil.rmtree(lakehouse / "quality")
    summary = summarise(lakehouse)
    assert summary.rejected_reasons == {}
    assert summary.rejected_examples == []
    assert summary.gate is None


@pytest.mark.parametrize("table", GOLD)
def test_an_older_lakehouse_lacks_a_gold_table_and_has_the_rest(lakehouse: Path, table: str) -> None:
    shutil.rmtree(lakehouse / "gold" / table)
    summary = summarise(lakehouse)
    assert summary.missing == [f"gold/{table}"]
    assert not summary.has(table)
    fields = {
        "breweries_by_type_and_location": summary.cities,
        "breweries_by_type": summary.by_type,
        "breweries_by_country": summary.by_country,
        "location_coverage": summary.coverage,
        "daily_changes": summary.daily_changes,
    }
    assert [name for name, rows in fields.items() if not rows] == [name for name in fields if name == table]
    assert [gold.table.name for gold in summary.other_gold] == [
        f"gold/{name}" for name in GOLD if name not in fields and name != table
    ]
    assert {version.name for version in summary.tables} >= {f"gold/{name}" for name in GOLD if name != table}


def test_versions_are_those_of_the_delta_log(
    lakehouse: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    write(lakehouse, **lakehouse_rows)
    tables = {table.name: table for table in summarise(lakehouse).tables}
    assert len(tables) == 4 + len(GOLD)
    silver = tables["silver/breweries"]
    (log,) = (lakehouse / "silver/breweries/_delta_log").glob("*1.json")
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    (added,) = [a["add"] for a in actions if "add" in a]
    (commit,) = [a["commitInfo"] for a in actions if "commitInfo" in a]
    assert (silver.version, silver.rows, silver.files, silver.bytes) == (1, 6, 1, added["size"])
    assert silver.written_at.timestamp() == pytest.approx(commit["timestamp"] / 1000)


def test_stages_and_versions_are_passed_on(lakehouse: Path) -> None:
    stages = [StageTime("ingest", 1.5)]
    summary = summarise(lakehouse, stages, {"Spark": "3.5.8"})
    assert list(summary.stages) == stages
    assert summary.versions == {"Spark": "3.5.8"}


def test_no_lakehouse_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"^There is no lakehouse at .*/nowhere: run `harness run`"):
        summarise(tmp_path / "nowhere")


@pytest.mark.parametrize("table", ["gold", "silver/breweries", "silver/runs"])
def test_a_missing_table_is_named(lakehouse: Path, table: str) -> None:
    shutil.rmtree(lakehouse / table)
    with pytest.raises(HarnessError, match=rf"{table}\S* is not a Delta table: run `harness run`"):
        summarise(lakehouse)


def test_a_folder_of_something_else_is_not_a_table(lakehouse: Path) -> None:
    shutil.rmtree(lakehouse / "silver/runs/_delta_log")
    with pytest.raises(HarnessError, match="silver/runs is not a Delta table"):
        summarise(lakehouse)


def test_a_corrupt_log_is_one_line(lakehouse: Path) -> None:
    for log in (lakehouse / "gold/location_coverage/_delta_log").glob("*.json"):
        log.write_text("{{{")
    with pytest.raises(HarnessError, match=r"gold/location_coverage cannot be read \(.*\): restore it") as caught:
        summarise(lakehouse)
    assert "\n" not in str(caught.value)


def test_a_lost_data_file_is_one_line(lakehouse: Path) -> None:
    table = lakehouse / "gold/breweries_by_type"
    for file in DeltaTable(table).file_uris():
        Path(file.removeprefix("file://")).unlink()
    with pytest.raises(HarnessError, match="gold/breweries_by_type cannot be read") as caught:
        summarise(lakehouse)
    assert "\n" not in str(caught.value)


def test_a_table_with_other_columns_is_one_line(
    lakehouse: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    shutil.rmtree(lakehouse / "silver/runs")
    shutil.copytree(lakehouse / "gold/breweries_by_type", lakehouse / "silver/runs")
    with pytest.raises(HarnessError, match="silver/runs cannot be read"):
        summarise(lakehouse)


def test_an_empty_ledger_says_what_to_do(
    tmp_path: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    root = write(tmp_path / "l", **{**lakehouse_rows, "days": []})
    with pytest.raises(HarnessError, match="silver/runs holds no run yet"):
        summarise(root)
