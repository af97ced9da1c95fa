"""The ingestion against the mock API over HTTP: what is stored, and what commits it."""

import csv
import datetime as dt
import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from brewery.bronze import list_dates, list_runs, newest_run, remove_uncommitted
from brewery.contract.manifest import Manifest
from brewery.errors import ApiRefusedError, ApiUnavailableError, EmptySourceError
from brewery.ingestion import Progress, ingest, run
from brewery.ingestion.client import Page
from brewery.ingestion.profile import ProfileBuilder
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi
from tests.dags.brewery.conftest import DAY, Lake


def test_every_brewery_is_stored_and_committed(lake: Lake) -> None:
    with MockApi(breweries=420) as api:
        settings = lake.settings(api.url)
        result = ingest(settings, lake.storage, DAY)
        everything = [
            record
            for page in range(1, 10)
            for record in requests.get(
                f"{api.url}/v1/breweries?per_page=50&sort=id:asc", params={"page": page}, timeout=120
            ).json()
        ]
    assert len(everything) == 420
    assert [json.loads(line) for line in lake.lines(result.run_id)] == everything
    assert (result.records, result.pages, result.retries, result.fresh_starts) == (420, 9, 0, 0)
    manifest = lake.manifest(result.run_id)
    assert (manifest["api_total"], manifest["records"], manifest["pages"]) == (420, 420, 9)
    assert manifest["ingestion_date"] == "2025-01-31"
    assert manifest["source"] == settings.api_url
    assert [file["records"] for file in manifest["files"]] == [50] * 8 + [20]
    assert sum(manifest["profile"]["fields"]["id"].values()) == 420
    assert [set(response) for response in manifest["responses"]] == [{"Date", "ETag"}] * 9


def test_pages_have_the_place_size_and_checksum_that_the_manifest_says(lake: Lake) -> None:
    with MockApi(breweries=120) as api:
        result = lake.ingest(api.url)
    folder = f"bronze/breweries/ingestion_date=2025-01-31/run_id={result.run_id}"
    stored = {Path(name).name: content for name, content in lake.tree().items() if name.startswith(folder)}
    assert set(stored) == {"_manifest.json", "page-00001.jsonl.gz"}
    shared, end = stored["page-00001.jsonl.gz"], 0
    for number, page in enumerate(lake.manifest(result.run_id)["files"], start=1):
        assert (page["name"], page["page"], page["offset"]) == ("page-00001.jsonl.gz", number, end)
        content = shared[end : end + page["bytes"]]
        assert hashlib.sha256(content).hexdigest() == page["sha256"]
        assert len(gzip.decompress(content).splitlines()) == page["records"]
        end += page["bytes"]
    assert end == len(shared)


def test_a_second_day_and_a_second_run_leave_the_first_as_it_was(lake: Lake) -> None:
    with MockApi(breweries=120) as api:
        first = lake.ingest(api.url)
        before = lake.tree()
        again = lake.ingest(api.url)
        api.day = 1
        lake.ingest(api.url, date=DAY + dt.timedelta(days=1))
    assert {name: content for name, content in lake.tree().items() if name in before} == before
    assert first.run_id != again.run_id
    assert newest_run(lake.storage, DAY).run_id == again.run_id
    assert [run.run_id for run in list_runs(lake.storage, DAY)] == sorted([first.run_id, again.run_id])
    assert list_dates(lake.storage) == [DAY, DAY + dt.timedelta(days=1)]


def test_the_window_of_requests_is_as_wide_as_said_and_no_wider(lake: Lake) -> None:
    with MockApi(breweries=600, latency_ms=20) as api:
        lake.ingest(api.url, page_size=10, concurrency=3)
        assert api.stats()["max_concurrent"] == 3


def test_each_page_is_asked_for_once(lake: Lake) -> None:
    with MockApi(breweries=420) as api:
        lake.ingest(api.url)
        assert api.stats()["by_page"] == {str(page): 1 for page in range(1, 10)}
        assert api.stats()["by_path"]["/v1/breweries/meta"] == 2


def test_progress_is_told_after_each_page(lake: Lake) -> None:
    told: list[Progress] = []
    with MockApi(breweries=420) as api:
        lake.ingest(api.url, on_progress=told.append)
    assert [progress.pages for progress in told] == list(range(1, 10))
    assert {progress.pages_total for progress in told} == {9}
    assert all(earlier.records < later.records for earlier, later in pairwise(told))
    assert told[-1].records == 420


def test_the_older_format_is_taken_as_it_is(lake: Lake) -> None:
    with MockApi(breweries=120, old_format=True) as api:
        result = lake.ingest(api.url)
    manifest = lake.manifest(result.run_id)
    assert manifest["api_total"] == 120
    assert set(manifest["profile"]["fields"]["latitude"]) <= {"string", "null"}


@pytest.mark.sample
def test_the_real_breweries_arrive_as_they_are(lake: Lake, sample_csv: Path) -> None:
    with MockApi(data=sample_csv) as api:
        result = lake.ingest(api.url, page_size=200)
    with sample_csv.open(encoding="utf-8", newline="") as file:
        expected = {row["id"]: row["name"] for row in csv.DictReader(file)}
    stored = [json.loads(line) for line in lake.lines(result.run_id)]
    assert len(stored) == len(expected) == 3977
    assert {record["id"]: record["name"] for record in stored} == expected


def test_memory_holds_a_window_of_pages_and_not_all(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most = 0

    class Counted(ProfileBuilder):
        """One is made for each page, and one for the run."""

        def __init__(self) -> None:
            nonlocal most
            super().__init__()
            alive.add(id(self))
            most = max(most, len(alive))

        def __del__(self) -> None:
            alive.discard(id(self))

    monkeypatch.setattr("brewery.ingestion.run.ProfileBuilder", Counted)
    with MockApi(breweries=2000) as api:
        lake.ingest(api.url, page_size=10, concurrency=4)
    # Of 200 pages: those under way, one that waits for a thread, those that are being taken, and the run's own.
    assert most <= 2 * 5 + 2


def test_no_breweries_is_a_failure(lake: Lake) -> None:
    with MockApi(data=[]) as api, pytest.raises(EmptySourceError, match="no breweries"):
        lake.ingest(api.url)
    assert not lake.root.exists()


def test_an_api_that_is_down_is_one_sentence(lake: Lake) -> None:
    with MockApi(breweries=1) as api:
        url = api.url
    with pytest.raises(
        ApiUnavailableError, match=r"Could not get the number of breweries .*connection failed"
    ) as error:
        lake.ingest(url)
    assert error.value.retryable
    assert not lake.root.exists()


def test_a_wrong_address_is_not_tried_again(lake: Lake) -> None:
    with MockApi(breweries=1) as api:
        with pytest.raises(ApiRefusedError, match="404") as error:
            lake.ingest(f"{api.url}/elsewhere")
        assert not error.value.retryable


class Crashed(BaseException):
    """As a process that is killed: nobody catches it."""


@pytest.mark.parametrize("cleans", [True, False])
def test_a_crash_before_the_manifest_leaves_the_committed_run_in_force(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, cleans: bool
) -> None:
    with MockApi(breweries=420) as api:
        committed = lake.ingest(api.url)
        before = lake.tree()

        def crash(_manifest: Manifest) -> str:
            raise Crashed

        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "to_json", crash)
            if not cleans:
                # A killed process does not even remove its own files.
                patch.setattr(Storage, "delete", lambda *_: None)
            with pytest.raises(Crashed):
                lake.ingest(api.url)
    assert newest_run(lake.storage, DAY).run_id == committed.run_id
    assert {name: content for name, content in lake.tree().items() if name in before} == before
    leftovers = [run for run in list_runs(lake.storage, DAY) if not run.committed]
    assert len(leftovers) == (0 if cleans else 1)

    now = dt.datetime.now(dt.UTC)
    assert remove_uncommitted(lake.storage, dt.timedelta(hours=1), now) == []
    removed = remove_uncommitted(lake.storage, dt.timedelta(hours=1), now + dt.timedelta(hours=2))
    assert removed == [run.path for run in leftovers]
    assert lake.tree() == before


def test_two_runs_of_one_date_at_once_do_not_disturb_each_other(lake: Lake) -> None:
    with MockApi(breweries=420, latency_ms=5) as api, ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: lake.ingest(api.url), range(2))
    assert lake.lines(first.run_id) == lake.lines(second.run_id)
    assert all(run.committed and run.files == 2 for run in list_runs(lake.storage, DAY))


def test_an_interrupt_while_a_thread_starts_waits_for_that_thread(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    pack = run._pack

    class Interrupted(ThreadPoolExecutor):
        """Interrupted between starting a thread and noting that it did."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if args != (2,):
                return super().submit(fn, *args, **kwargs)
            threading.Thread(target=fn, args=args).start()
            assert working.wait(120)
            raise KeyboardInterrupt

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait, cancel_futures=cancel_futures)
            # Late enough for the ingestion to end before, if nobody waits.
            threading.Timer(0.2, may_end.set).start()

    def pack_late(number: int, page: Page) -> Any:
        packed = pack(number, page)
        if number == 2:
            working.set()
            assert may_end.wait(120)
            ended.set()
        return packed

    monkeypatch.setattr("brewery.ingestion.run.ThreadPoolExecutor", Interrupted)
    monkeypatch.setattr("brewery.ingestion.run._pack", pack_late)
    with MockApi(breweries=420) as api, pytest.raises(KeyboardInterrupt):
        lake.ingest(api.url)
    assert ended.is_set()
    assert lake.tree() == {}
