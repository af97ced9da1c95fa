import datetime as dt
import json
import os
from pathlib import Path

import pytest

from brewery.contract.decisions import Decision, Verdict
from brewery.ingestion import ingest
from brewery.quarantine import record
from brewery.settings import Settings
from brewery.storage import Storage
from harness.errors import HarnessError
from harness.pipeline.embedded.lakehouse import choose_date, committed_dates, newest_records, prepare
from harness.pipeline.embedded.lock import exclusive
from harness.pipeline.mock_api import MockApi


def commit(root: Path, date: str, run: str = "run_id=a", *, manifest: bool = True) -> None:
    folder = root / "bronze" / "breweries" / f"ingestion_date={date}" / run
    folder.mkdir(parents=True)
    if manifest:
        (folder / "_manifest.json").write_text("{}")


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    prepare(tmp_path / "a" / "b", fresh=False)
    assert (tmp_path / "a" / "b").is_dir()


def test_fresh_empties_the_layers_only(tmp_path: Path) -> None:
    commit(tmp_path, "2025-01-01")
    (tmp_path / "gold" / "x").mkdir(parents=True)
    prepare(tmp_path, fresh=True)
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("fresh", [True, False])
def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    commit(tmp_path, "2025-01-01")
    with pytest.raises(HarnessError, match=r"thesis\.tex"):
        prepare(tmp_path, fresh=fresh)
    assert (tmp_path / "bronze").exists()


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("x")
    with pytest.raises(HarnessError, match="is not a folder"):
        prepare(tmp_path / "lake", fresh=False)


def test_only_committed_dates_count(tmp_path: Path) -> None:
    commit(tmp_path, "2025-01-01")
    commit(tmp_path, "2025-01-02", manifest=False)
    assert committed_dates(tmp_path) == [dt.date(2025, 1, 1)]


def test_the_newest_run_tells_how_many_records_to_expect(tmp_path: Path) -> None:
    assert newest_records(tmp_path) == 0
    for date, breweries in ((dt.date(2025, 1, 1), 30), (dt.date(2025, 1, 2), 20)):
        with MockApi(breweries=breweries) as api:
            settings = Settings(api_url=f"{api.url}/v1", lakehouse_uri=str(tmp_path))
            ingest(settings, Storage.for_uri(str(tmp_path)), date)
    assert newest_records(tmp_path) == 20
    commit(tmp_path, "2025-01-03")
    assert newest_records(tmp_path) == 0


def checked(root: Path, run_id: str) -> None:
    (root / "quality").mkdir(exist_ok=True)
    (root / "quality" / "figures.json").write_text(json.dumps({"run_id": run_id}))


def test_an_interrupted_run_is_followed_by_one_of_the_same_date(tmp_path: Path) -> None:
    first, second, third = (dt.date(2025, 1, day) for day in (1, 2, 3))
    assert choose_date(tmp_path, None, simulated=True, changes=True) == first
    commit(tmp_path, "2025-01-01", manifest=False)
    assert choose_date(tmp_path, None, simulated=True, changes=True) == first
    commit(tmp_path, "2025-01-01", "run_id=b")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == first
    checked(tmp_path, "b")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == second
    commit(tmp_path, "2025-01-02", "run_id=c")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == second
    checked(tmp_path, "c")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == third
    # Ingested again, and interrupted.
    commit(tmp_path, "2025-01-02", "run_id=d")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == second
    # An interrupted backfill is applied by the next run, whatever its date.
    checked(tmp_path, "d")
    commit(tmp_path, "2025-01-01", "run_id=e")
    assert choose_date(tmp_path, None, simulated=True, changes=True) == third


@pytest.mark.parametrize("verdict", ["refused", "accepted", "discarded", "passed"])
def test_a_run_that_was_decided_on_was_not_interrupted(tmp_path: Path, verdict: Verdict) -> None:
    date = dt.date(2025, 1, 1)
    commit(tmp_path, "2025-01-01")
    decision = Decision(verdict, [(date, "a")], dt.datetime.now(dt.UTC), "a", "b")
    record(Storage.for_uri(str(tmp_path)), decision)
    expected = date if verdict == "passed" else dt.date(2025, 1, 2)
    assert choose_date(tmp_path, None, simulated=True, changes=True) == expected


def test_a_real_api_is_todays() -> None:
    before = dt.datetime.now(dt.UTC).date()
    chosen = choose_date(Path("/nowhere"), None, simulated=False, changes=False)
    assert before <= chosen <= dt.datetime.now(dt.UTC).date()


@pytest.mark.parametrize("given", ["2025-02-30", "yesterday", "2024-12-31"])
def test_a_date_that_cannot_be_had_is_a_usage_error(given: str) -> None:
    with pytest.raises(HarnessError, match=given) as caught:
        choose_date(Path("/nowhere"), given, simulated=True, changes=True)
    assert caught.value.exit_code == 2


def test_a_file_has_any_date(tmp_path: Path) -> None:
    assert choose_date(tmp_path, "2024-06-30", simulated=True, changes=False) == dt.date(2024, 6, 30)


def test_the_second_run_at_once_is_told_who_holds_the_lakehouse(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(HarnessError, match=str(os.getpid())) as caught, exclusive(tmp_path):
        pass
    assert caught.value.exit_code == 4


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").exists()
