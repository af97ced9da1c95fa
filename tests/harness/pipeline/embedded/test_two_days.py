"""The embedded pipeline over two days of a source with every ordinary kind of flaw, and what it then survives.

The tests of this module build on each other, in order: one lakehouse, as a user's.
"""

import datetime as dt
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from deltalake import DeltaTable

from harness.pipeline.mock_api.server import MockApi
from lakehouse.gold import GOLD
from tests.harness.pipeline.embedded.conftest import Cli
from tests.live import frames
from tests.oracle.gold import GOLD as ORACLE
from tests.oracle.lakehouse import Day, Expected
from tests.processes import wait_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.embedded, pytest.mark.spark, pytest.mark.airflow, pytest.mark.xdist_group("embedded")]

FLAWS = (
    "duplicates:count=7",
    "missing-field:field=country,share=0.03",
    "bad-coordinates:kind=half-missing,share=0.05",
    "new-field:field=rating",
)
DATES = ("2025-01-01", "2025-01-02")


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


@pytest.fixture(scope="module")
def days(api: MockApi) -> list[list[dict[str, Any]]]:
    """The answers of both days; leaves the server at day 0."""
    totals = []
    for day in (0, 1):
        api.day = day
        totals.append(answers(api))
    api.day = 0
    return totals


@pytest.fixture(scope="module")
def spark(spark_variables: None) -> "SparkSession":
    from lakehouse.session import get_session

    return get_session()


def gold_version(cli: Cli, table: str) -> int:
    return DeltaTable(str(cli.lakehouse / "gold" / table)).version()


def test_an_interrupted_first_run_leaves_nothing_and_says_so(
    cli: Cli, api: MockApi, days: list[list[dict[str, Any]]]
) -> None:
    # The ingestion waits for as long as the second run takes to start.
    api.add_faults("rate-limit:retry_after=1800")
    patient = {"BREWERY_RETRY_AFTER_MAX": "3600", "BREWERY_PAGE_DEADLINE": "3600"}
    with cli.start("--api", f"{api.url}/v1", "--date", DATES[0], **patient) as process:
        wait_for(lambda: "429" in api.stats()["by_status"], "refused request of the ingestion")
        second = cli.fail(4, "--api", f"{api.url}/v1")
        assert str(process.pid) in second
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Interrupted: the lakehouse keeps what was committed" in stderr
    assert "Traceback" not in stderr
    assert not list((cli.lakehouse / "bronze").rglob("_manifest.json"))
    assert not (cli.lakehouse / "gold").exists()
    api.clear_faults()
    api.add_faults(*FLAWS)


def test_two_days_succeed(cli: Cli, api: MockApi, days: list[list[dict[str, Any]]]) -> None:
    for day, date in enumerate(DATES):
        api.day = day
        printed = cli.succeed("--api", f"{api.url}/v1", "--date", date)
        assert f"({date})" in printed
    report = cli.lakehouse.parent / "report.html"
    assert f"Report: {report}" in printed
    assert "<svg" in report.read_text()


def test_bronze_holds_what_the_api_said(cli: Cli, days: list[list[dict[str, Any]]]) -> None:
    for date, records in zip(DATES, days, strict=True):
        (manifest,) = (cli.lakehouse / "bronze" / "breweries" / f"ingestion_date={date}").rglob("_manifest.json")
        assert json.loads(manifest.read_text())["records"] == len(records)


@pytest.mark.parametrize("table", GOLD)
def test_gold_is_what_the_answers_come_to(
    cli: Cli, days: list[list[dict[str, Any]]], spark: "SparkSession", table: str
) -> None:
    expected = Expected(
        [Day(dt.date.fromisoformat(date), answers) for date, answers in zip(DATES, days, strict=True)]
    )
    assert expected.ledger[0].duplicates
    assert expected.ledger[0].rejected
    actual = frames.read(spark, str(cli.lakehouse / "gold" / table), ORACLE[table].schema)
    frames.assert_same(actual, frames.gold(spark, expected, table))


def test_a_day_taken_again_changes_no_figure(cli: Cli, api: MockApi) -> None:
    def figures() -> list[list[Any]]:
        return [
            sorted(map(str, DeltaTable(str(cli.lakehouse / "gold" / table)).to_pyarrow_table().to_pylist()))
            for table in GOLD
        ]

    before = figures()
    api.day = 1
    cli.succeed("--api", f"{api.url}/v1", "--date", DATES[1])
    assert figures() == before
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
    assert {table: gold_version(cli, table) for table in GOLD} == versions


def test_an_api_that_is_down_is_one_sentence(cli: Cli) -> None:
    once = {"BREWERY_ATTEMPTS": "1", "BREWERY_TASK_RETRIES": "0"}
    sentence = cli.fail(1, "--api", "http://127.0.0.1:9/v1", "--date", "2025-01-03", **once)
    assert "127.0.0.1:9" in sentence
    assert "The log is" in sentence


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
