"""The embedded pipeline over two days of a source with every ordinary kind of flaw, and what it then survives.

The tests of this module build on each other, in order: one lakehouse, as a user's.
"""

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from deltalake import DeltaTable

from harness.pipeline.mock_api.generator import Generator
from harness.pipeline.mock_api.server import MockApi
from lakehouse.gold import GOLD
from tests.harness.pipeline.embedded.conftest import Cli
from tests.harness.pipeline.embedded.stopping import LATER, PATIENT, assert_ended, running, stop
from tests.oracle.gold import GOLD as ORACLE
from tests.oracle.lakehouse import Day, Expected

pytestmark = [pytest.mark.embedded, pytest.mark.spark, pytest.mark.airflow]

FLAWS = (
    "duplicates:count=7",
    "missing-field:field=country,share=0.03",
    "bad-coordinates:kind=half-missing,share=0.05",
    "new-field:field=rating",
)
DATES = (dt.date(2025, 1, 1), dt.date(2025, 1, 2))


@pytest.fixture(scope="module")
def api() -> Iterator[MockApi]:
    with MockApi(breweries=900, seed=7, faults=FLAWS) as server:
        yield server


def answers(api: MockApi) -> list[dict[str, Any]]:
    """Everything that the API says today, in order."""
    records: list[dict[str, Any]] = []
    page = 1
    while answer := requests.get(f"{api.url}/v1/breweries?per_page=200&page={page}", timeout=120).json():
        records += answer
        page += 1
    return records


def answered(api: MockApi, day: int) -> Day:
    """Everything that the API says on a day, which it goes on saying."""
    api.day = day
    return Day(DATES[day], answers(api))


def gold_version(cli: Cli, table: str) -> int:
    return DeltaTable(str(cli.lakehouse / "gold" / table)).version()


def assert_gold(cli: Cli, *days: Day) -> None:
    """Every gold table has the columns, types and rows that these answers come to."""
    expected = Expected(days)
    assert GOLD.keys() == ORACLE.keys()
    for name, oracle in ORACLE.items():
        table = DeltaTable(str(cli.lakehouse / "gold" / name))
        types = {field.name: field.type.type for field in table.schema().fields}
        wanted = dict(column.split() for column in oracle.schema.replace("bigint", "long").split(", "))
        assert types == wanted, name
        rows = [{column: row[column] for column in types} for row in expected.gold(name)]
        assert sorted(map(str, table.to_pyarrow_table().to_pylist())) == sorted(map(str, rows)), name


@pytest.fixture(scope="module")
def first(api: MockApi) -> Day:
    day = answered(api, 0)
    (entry,) = Expected([day]).ledger
    assert entry.duplicates
    assert entry.rejected
    return day


def test_an_interrupted_first_run_leaves_nothing_and_a_second_one_is_told_who_writes_by_whatever_path(
    cli: Cli, api: MockApi, repo: Path
) -> None:
    api.add_faults(LATER)
    with cli.start("--api", f"{api.url}/v1", "--date", str(DATES[0]), **PATIENT) as front:
        processes = running(front.pid, api=api)
        link = cli.lakehouse.parent / "link"
        link.symlink_to(cli.lakehouse)
        for path in (str(link), f"{cli.lakehouse}/", os.path.relpath(cli.lakehouse, repo), f"{link}/../link/."):
            sentence = cli.fail(4, "--lakehouse", path, "--api", f"{api.url}/v1")
            assert f"process {front.pid}, since 20" in sentence
            assert f"harness run --lakehouse {cli.lakehouse} --api" in sentence
            assert f"`kill {front.pid}`" in sentence
        link.unlink()
        stderr = stop(front, signal.SIGINT)
        assert not any(process.is_running() for process in processes)
    assert front.returncode == 130
    assert stderr.count("error: ") == 1
    assert "Interrupted: the lakehouse keeps what was committed" in stderr
    assert "Traceback" not in stderr
    # Not even pages that nothing commits.
    assert not list(cli.lakehouse.rglob("page-*"))
    assert not (cli.lakehouse / "gold").exists()
    assert_ended(processes, cli.lakehouse)
    api.clear_faults()
    api.add_faults(*FLAWS)


def test_a_first_day_succeeds(cli: Cli, api: MockApi, first: Day) -> None:
    printed = cli.succeed("--api", f"{api.url}/v1", "--date", str(first.date))
    assert f"({first.date})" in printed
    report = cli.lakehouse.parent / "report.html"
    assert f"Report: {report}" in printed
    assert "<svg" in report.read_text()
    (manifest,) = cli.lakehouse.rglob("_manifest.json")
    assert json.loads(manifest.read_text())["records"] == len(first.records)
    assert_gold(cli, first)


def test_a_file_alone_decides_what_the_next_day_brings(cli: Cli, first: Day, tmp_path: Path) -> None:
    whole = {record["id"]: dict(record) for record in first.records if "country" in record}
    renamed, _gone, *others = whole.values()
    records = [{**renamed, "name": "Renamed"}, *others, Generator(5).brewery(0)]
    file = tmp_path / "breweries.json"
    file.write_text(json.dumps(records))
    printed = cli.succeed("--data", str(file))
    assert f"({DATES[1]}): +1 ~1 −1, 0 rejected" in printed  # noqa: RUF001 - a minus sign
    assert_gold(cli, first, Day(DATES[1], records))


def test_a_day_taken_again_is_replaced(cli: Cli, api: MockApi, first: Day) -> None:
    second = answered(api, 1)
    cli.succeed("--api", f"{api.url}/v1", "--date", str(second.date))
    assert_gold(cli, first, second)
    assert len(list((cli.lakehouse / "bronze").rglob("_manifest.json"))) == 3


def test_a_bad_snapshot_fails_the_gate_and_gold_stays_readable(cli: Cli, api: MockApi) -> None:
    versions = {table: gold_version(cli, table) for table in GOLD}
    silver = DeltaTable(str(cli.lakehouse / "silver" / "breweries")).version()
    api.add_faults("missing-field:field=name,share=0.5")
    sentence = cli.fail(1, "--api", f"{api.url}/v1", "--date", "2025-01-03")
    assert sentence.startswith("bronze_to_silver failed")
    assert "missing:name" in sentence
    assert {table: gold_version(cli, table) for table in GOLD} == versions
    assert DeltaTable(str(cli.lakehouse / "silver" / "breweries")).version() == silver
    report = (cli.lakehouse.parent / "report.html").read_text()
    assert "The run of 2025-01-03 did not succeed." in report
    assert "2025-01-03 is in quarantine" in report
    api.clear_faults()
    api.add_faults(*FLAWS)


def test_a_damaged_page_is_named_and_nothing_moves(cli: Cli, api: MockApi) -> None:
    versions = {table: gold_version(cli, table) for table in GOLD}
    api.add_faults("not-json:page=2")
    sentence = cli.fail(
        1, "--api", f"{api.url}/v1", "--date", "2025-01-03", BREWERY_ATTEMPTS="2", BREWERY_TASK_RETRIES="0"
    )
    assert sentence.startswith("ingest_to_bronze failed")
    assert "page 2" in sentence
    assert "The log is" in sentence
    assert {table: gold_version(cli, table) for table in GOLD} == versions


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (("--data", "a.csv", "--api", "http://127.0.0.1:9/v1"), 2, "exclude each other"),
        (("--simulate-changes",), 2, "--data"),
        (("--date", "tomorrow"), 2, "tomorrow"),
        (("--data", "/nowhere/breweries.csv"), 1, "/nowhere/breweries.csv"),
    ],
)
def test_a_wrong_option_is_one_sentence(cli: Cli, options: tuple[str, ...], code: int, word: str) -> None:
    assert word in cli.fail(code, *options)


def test_a_folder_that_cannot_be_a_lakehouse_is_one_sentence(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "notes.txt" in Cli(repo, tmp_path).fail(1, "--fresh")
    assert (tmp_path / "notes.txt").read_text() == "mine"
