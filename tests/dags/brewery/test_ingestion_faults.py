"""Every fault of the mock API against the ingestion: settled, passed on, or failed with bronze untouched."""

import json
import time
from typing import Any

import pytest
import requests

from brewery.bronze import newest_run
from brewery.errors import ApiError, ApiRefusedError, ApiUnavailableError, SourceMovedError, StorageFullError
from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi
from harness.pipeline.mock_api.faults import KINDS, parse
from tests.dags.brewery.conftest import DAY, FakeClock, Lake

# Two pages of the nine fail twice each: four retries.
RETRIED = {
    "rate-limit:each=2,page=3+7,retry_after=0": 4,
    "rate-limit:each=2,page=3+7,form=date,retry_after=0": 4,
    "rate-limit:each=2,page=3+7,form=none": 4,
    "rate-limit:each=2,path=meta,retry_after=0": 2,
    "server-error:each=2,page=3+7,status=500": 4,
    "server-error:each=2,page=3+7,status=503": 4,
    "server-error:each=2,path=meta": 2,
    "cut:each=2,page=3+7,at=before": 4,
    "cut:each=2,page=3+7,at=before,reset=1": 4,
    "cut:each=2,page=3+7,at=middle": 4,
    "cut:each=2,page=3+7,at=middle,reset=1": 4,
    "truncated:each=2,page=3+7,form=no-length": 4,
    "truncated:each=2,page=3+7,form=chunked": 4,
    "truncated:each=2,page=3+7,form=short-length": 4,
    "truncated:each=2,path=meta": 2,
    "not-json:each=2,page=3+7": 4,
    "not-json:each=2,path=meta": 2,
    "not-a-list:each=2,page=3+7": 4,
    "empty-page:each=2,page=3+7": 4,
    "short-page:each=2,page=3+7": 4,
}
# The source changed under the first attempt and is at rest in the second.
STARTED_AFRESH = [
    "moving-total:after=4",
    "overlap:page=4,count=1,times=1",
    "overlap:page=4,count=7,times=1",
    "overlap:page=9,count=3,times=1",
    "wrong-total:by=1,times=1",
    "wrong-total:by=-1,times=1",
    "wrong-total:by=200,times=1",
    "wrong-total:by=1,after=1,times=1",
    "empty-page:page=5,times=3",
    "unordered:sort=ignored,times=9",
    "unordered:sort=ignored,page=2-9,times=8",
    "stale:page=5,times=1",
    "stale:age=3,page=1,times=1",
    "stale:path=meta,times=1",
]
# What the records look like is for silver to judge: bronze takes them as they are.
PASSED_ON = [
    "duplicates:count=3",
    "new-field:share=0.3",
    "new-field:type=object",
    "missing-field:field=country",
    "retyped-field:field=name,type=number",
    "retyped-field:field=id,type=list",
    "not-nfc:share=0.5",
    "bad-coordinates",
    "bad-coordinates:kind=text",
    "dirty:share=0.5",
    "unordered:sort=honoured",
    "stale:path=any",
    "odd-body:kind=nul",
    "odd-body:kind=zero-width",
    "odd-body:kind=long-text,share=0.01",
]
# What not every reader of JSON takes is kept, and marked as malformed.
MALFORMED = [
    f"odd-body:share=0.1,kind={kind}"
    for kind in ("long-number", "huge-number", "surrogate", "nan", "infinity", "control", "deep", "not-object")
]
# The API has a page size of its own: how many pages that makes.
OWN_PAGES = {
    "capped-page:size=37": 12,
    "capped-page:size=42": 10,
    "capped-page:size=49": 9,
    "capped-page:size=7": 60,
}
SLOW_BUT_FINE = ["latency:ms=30", "slow-drip:bytes=4096,ms=1"]
# Never ends: fails, and says what.
FAILED: dict[str, tuple[type[ApiError], str]] = {
    "rate-limit:page=5,retry_after=0": (ApiUnavailableError, "page 5 .* status 429"),
    "rate-limit:path=any,retry_after=0": (ApiUnavailableError, "the number of breweries .* status 429"),
    "client-error:page=5": (ApiRefusedError, "/breweries with status 403"),
    "client-error:path=meta,status=404": (ApiRefusedError, "meta with status 404"),
    "server-error:page=5,status=502": (ApiUnavailableError, "page 5 .* status 502"),
    "cut:page=5,at=before": (ApiUnavailableError, "page 5 .* connection"),
    "cut:page=5,at=middle": (ApiUnavailableError, "page 5 .* cut off"),
    "cut:page=5,at=middle,reset=1": (ApiUnavailableError, "page 5 .* cut off"),
    "truncated:page=5,form=no-length": (ApiUnavailableError, "page 5 .* cut off"),
    "truncated:page=5,form=chunked": (ApiUnavailableError, "page 5 .* cut off"),
    "truncated:page=5,form=short-length": (ApiUnavailableError, "page 5 .* cut off"),
    "not-json:page=5": (ApiUnavailableError, "page 5 .* not JSON.* see whether BREWERY_API_URL is right"),
    "not-json:path=meta": (ApiUnavailableError, "number of breweries .* not JSON"),
    "not-json:path=meta,after=1": (ApiUnavailableError, "number of breweries .* not JSON"),
    "not-a-list:page=5": (ApiUnavailableError, "page 5 .* not a JSON array"),
    "not-a-list:path=meta": (ApiUnavailableError, "number of breweries .* no usable 'total'"),
    "empty-page:page=5": (SourceMovedError, "page 5 has 0 records instead of 50"),
    "short-page:page=5,drop=2": (SourceMovedError, "page 5 has 48 records instead of 50"),
    "short-page:page=9": (SourceMovedError, "page 9 has 19 records instead of 20"),
    "moving-total:times=0": (SourceMovedError, "changed during each of 3 attempts"),
    "wrong-total:by=1": (
        SourceMovedError,
        r"contradicts itself: it reports 421 breweries, but page 9 has 20 records instead of 21 \(attempts: 3\)",
    ),
    "wrong-total:by=1000": (
        SourceMovedError,
        "reports 1,420 breweries, but page .* see whether the API is in order",
    ),
    "wrong-total:by=-1": (SourceMovedError, "page 9 has 20 records instead of 19"),
    "wrong-total:by=-20": (SourceMovedError, "page 9 has 20 records instead of 0"),
    "wrong-total:by=7,every=2": (SourceMovedError, "total went from 420 to 427"),
    "latency:ms=60000,page=5": (ApiUnavailableError, "page 5 .* did not answer in time"),
    "slow-drip:bytes=1,ms=5,page=5": (ApiUnavailableError, "page 5 .* took too long"),
    "rate-limit:page=5,retry_after=86400": (
        ApiUnavailableError,
        r"page 5 .* status 429 and asked for a pause of 86,400 s \(.* run it again when the API takes requests",
    ),
    "outage:seconds=86400": (ApiUnavailableError, "the number of breweries .* connection failed"),
    "outage:seconds=86400,page=5": (ApiUnavailableError, "page 5 .* connection failed"),
    "ignored-page": (ApiRefusedError, r"answers page \d with page 1, .* ignores the parameter `page`.* 50 of 420 "),
    "ignored-page:page=2-8": (ApiRefusedError, "ignores the parameter `page`"),
    "unordered:sort=ignored": (
        SourceMovedError,
        r"page \d repeats breweries of other pages and changed when .* the API ignores the requested order",
    ),
    "unordered:sort=ignored,page=2-9": (SourceMovedError, "repeats breweries of other pages and changed when"),
    "stale:page=5": (SourceMovedError, r"caches served states of the source that lie 3,[56]\d\d s apart"),
    "redirect": (ApiRefusedError, "redirects to http://elsewhere.invalid/v1/breweries: set BREWERY_API_URL"),
    "redirect:path=meta,status=308": (ApiRefusedError, "allow that host with BREWERY_REDIRECT_HOSTS=elsewhere"),
}


# What ends by time and not by attempts needs less of it here.
LIMITS: dict[str, dict[str, Any]] = {
    "latency": {"read_timeout": 3, "attempts": 1},
    "slow-drip": {"page_deadline": 3},
    "rate-limit": {"page_deadline": 0.3},
}


def name_of(fault: str) -> str:
    return fault.partition(":")[0]


def test_no_fault_of_the_mocked_api_is_left_out() -> None:
    tried = {
        name_of(fault) for fault in (*RETRIED, *STARTED_AFRESH, *PASSED_ON, *OWN_PAGES, *SLOW_BUT_FINE, *FAILED)
    }
    assert tried == set(KINDS)


@pytest.mark.parametrize("fault", RETRIED)
def test_a_passing_fault_is_retried_and_leaves_no_trace(lake: Lake, fault: str) -> None:
    with MockApi(breweries=420) as api:
        clean = lake.ingest(api.url)
        api.add_faults(fault)
        result = lake.ingest(api.url)
    assert (result.retries, result.fresh_starts) == (RETRIED[fault], 0)
    assert lake.lines(result.run_id) == lake.lines(clean.run_id)
    assert lake.manifest(result.run_id)["files"] == lake.manifest(clean.run_id)["files"]


@pytest.mark.parametrize("fault", STARTED_AFRESH)
def test_a_source_that_moved_is_read_afresh(lake: Lake, fault: str) -> None:
    with MockApi(breweries=420, faults=[fault]) as api:
        result = lake.ingest(api.url)
        at_rest = [brewery["id"] for brewery in api.catalog.at(api.day)]
    assert result.fresh_starts == 1
    assert sorted(json.loads(line)["id"] for line in lake.lines(result.run_id)) == sorted(at_rest)
    assert lake.validate().records == len(at_rest)
    # The first attempt has taken its files away.
    assert {name.split("/")[3] for name in lake.tree()} == {f"run_id={result.run_id}"}


@pytest.mark.parametrize("fault", PASSED_ON)
def test_what_is_odd_within_records_is_stored_as_received(lake: Lake, fault: str) -> None:
    with MockApi(breweries=420, faults=[fault]) as api:
        result = lake.ingest(api.url)
        bodies = [
            requests.get(f"{api.url}/v1/breweries?sort=id:asc&per_page=50&page={page}", timeout=120).content
            for page in range(1, 10)
        ]
    assert (result.retries, result.fresh_starts) == (0, 0)
    assert b"[%s]" % b",".join(lake.lines(result.run_id)) == b"[%s]" % b",".join(
        body.removeprefix(b"[").removesuffix(b"]") for body in bodies
    )
    assert lake.validate().records == result.records


@pytest.mark.parametrize("fault", MALFORMED)
def test_what_not_every_reader_takes_is_stored_and_told_from_the_rest(lake: Lake, fault: str) -> None:
    struck = parse(fault)
    with MockApi(breweries=420, faults=[fault]) as api:
        result = lake.ingest(api.url)
        breweries = list(api.catalog.at(0))
    lines = lake.lines(result.run_id)
    good = {brewery["id"] for brewery in breweries if not struck.picks(brewery["id"])}
    assert {json.loads(line)["id"] for line in lines if line.startswith(b"{")} == good
    assert (len(lines), lake.validate().records, result.fresh_starts) == (420, 420, 0)
    manifest = newest_run(lake.storage, DAY)
    assert sum(file.malformed for file in manifest.files) == 420 - len(good) > 0
    assert sum(manifest.profile.fields["id"].values()) == len(good)


@pytest.mark.parametrize("fault", OWN_PAGES)
def test_an_api_with_smaller_pages_is_read_at_its_own_size(lake: Lake, fault: str) -> None:
    with MockApi(breweries=420, faults=[fault]) as api:
        result = lake.ingest(api.url)
        everything = {brewery["id"] for brewery in api.catalog.at(0)}
    assert (result.records, result.pages, result.fresh_starts) == (420, OWN_PAGES[fault], 0)
    assert {json.loads(line)["id"] for line in lake.lines(result.run_id)} == everything


@pytest.mark.parametrize("fault", ["outage:seconds=30", "outage:seconds=30,after=5", "outage:seconds=30,path=meta"])
def test_an_outage_of_half_a_minute_is_survived_with_the_settings_as_they_are(
    lake: Lake, fault: str, clock: FakeClock
) -> None:
    with MockApi(breweries=2_000, faults=[fault], clock=clock.now) as api:
        # One thread, so that time passes once for each wait.
        settings = Settings(lakehouse_uri=str(lake.root), api_url=f"{api.url}/v1", concurrency=1)
        result = ingest(settings, lake.storage, DAY, clock=clock)
    assert (result.records, result.fresh_starts) == (2_000, 0)
    assert result.retries >= 6


@pytest.mark.parametrize("fault", SLOW_BUT_FINE)
def test_a_slow_api_is_waited_for(lake: Lake, fault: str) -> None:
    with MockApi(breweries=420, faults=[fault]) as api:
        result = lake.ingest(api.url)
    assert (result.records, result.retries) == (420, 0)


@pytest.mark.parametrize("fault", FAILED)
def test_a_lasting_fault_fails_in_one_sentence_with_bronze_untouched(lake: Lake, fault: str) -> None:
    limits = LIMITS.get(name_of(fault), {})
    clock = FakeClock() if name_of(fault) in ("rate-limit", "outage") else None
    kind, sentence = FAILED[fault]
    with MockApi(breweries=420) as api:
        lake.ingest(api.url)
        before = lake.tree()
        api.add_faults(fault)
        with pytest.raises(kind, match=sentence) as error:
            lake.ingest(api.url, **limits, clock=clock)
    assert lake.tree() == before
    # What the API refuses, it refuses again.
    assert error.value.retryable == (kind is not ApiRefusedError)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_retry_after_is_honoured(lake: Lake) -> None:
    with MockApi(breweries=20, faults=["rate-limit:times=1,retry_after=1"]) as api:
        begun = time.monotonic()
        result = lake.ingest(api.url, retry_after_max=60)
    assert result.retries == 1
    assert time.monotonic() - begun >= 1


def test_a_server_that_wants_fewer_requests_is_given_the_time(lake: Lake) -> None:
    with MockApi(breweries=420, faults=["rate-limit:share=0.8"]) as api:
        result = lake.ingest(api.url)
        refused = api.stats()["by_status"]["429"]
    assert (result.records, result.retries) == (420, refused)
    # More often than the attempts that a page has.
    assert refused > 9 * 3


def test_a_page_is_not_waited_for_beyond_its_deadline(lake: Lake) -> None:
    with MockApi(breweries=20, faults=["rate-limit:retry_after=3600"]) as api:
        with pytest.raises(ApiUnavailableError, match="attempts: 1"):
            lake.ingest(api.url, retry_after_max=3600, page_deadline=30)
        assert api.stats()["by_status"]["429"] == 1


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("a_file_for_each_page")
def test_one_lost_page_ends_the_others(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Storage.write

    def full_at_page_1(self: Storage, path: str, data: bytes) -> None:
        if path.endswith("page-00001.jsonl.gz"):
            while "429" not in api.stats()["by_status"]:
                time.sleep(0.001)
            raise StorageFullError("No space left.")
        write(self, path, data)

    monkeypatch.setattr(Storage, "write", full_at_page_1)
    # The second page is told to wait for ten minutes: the failure of the first must end that wait.
    with MockApi(breweries=420, faults=["rate-limit:page=2,retry_after=600"]) as api:
        settings = lake.settings(api.url, page_deadline=3600, retry_after_max=600)
        with pytest.raises(StorageFullError):
            ingest(settings, lake.storage, DAY)
    assert lake.tree() == {}


def test_a_brewery_that_the_source_itself_lists_twice_in_a_row_is_no_drift(lake: Lake) -> None:
    with MockApi(breweries=420, faults=["overlap:page=4,count=1"]) as api:
        result = lake.ingest(api.url)
    assert (result.records, result.fresh_starts) == (420, 0)
