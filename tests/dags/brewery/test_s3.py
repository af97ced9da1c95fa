"""The same ingestion on S3, against a local server: through fsspec, and through Airflow's object storage."""

import datetime as dt
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from typer.testing import CliRunner

from brewery.bronze import list_dates, list_runs, newest_run, remove_uncommitted
from brewery.claims import take_claim
from brewery.errors import StorageDeniedError, StorageError, StorageMissingError, StorageUnavailableError
from brewery.ingestion import ingest
from brewery.storage import Storage
from brewery.validation import validate
from harness.pipeline.mock_api import MockApi
from harness.pipeline.quarantine.command import app as quarantine
from tests.dags.brewery.conftest import DAY, Lake

pytestmark = pytest.mark.s3

BUCKET = "lakehouse"
Keys = Callable[[], list[str]]


@pytest.fixture
def endpoint(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with an empty bucket, and the AWS_* variables to reach it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", secrets.token_hex(8))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex(16))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    # fsspec keeps one file system for each set of arguments: the one of another test has another endpoint.
    S3FileSystem.clear_instance_cache()
    requests.post(f"{url}/moto-api/reset", timeout=120).raise_for_status()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield url
    S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def keys(endpoint: str) -> Keys:
    """Every key of the bucket, seen past the code under test."""

    def read() -> list[str]:
        return [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    return read


@pytest.mark.parametrize("uri", ["s3://lakehouse", "s3a://lakehouse/some/prefix"])
def test_a_day_is_ingested_validated_and_cleaned_up(lake: Lake, uri: str, keys: Keys) -> None:
    storage = Storage.for_uri(uri)
    prefix = uri.partition("lakehouse")[2].lstrip("/")
    with MockApi(breweries=120) as api:
        result = ingest(lake.settings(api.url), storage, DAY)
        again = ingest(lake.settings(api.url), storage, DAY)
    folder = f"{prefix}/bronze/breweries/ingestion_date=2025-01-31".lstrip("/")
    pages = ["_manifest.json", "page-00001.jsonl.gz"]
    assert keys() == sorted(f"{folder}/run_id={run.run_id}/{name}" for run in (result, again) for name in pages)
    assert list_dates(storage) == [DAY]
    assert newest_run(storage, DAY).run_id == again.run_id
    assert validate(storage, DAY).records == 120

    boto3.client("s3").delete_object(Bucket=BUCKET, Key=f"{folder}/run_id={again.run_id}/_manifest.json")
    assert newest_run(storage, DAY).run_id == result.run_id
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    assert len(remove_uncommitted(storage, dt.timedelta(hours=1), later)) == 1
    assert [run.run_id for run in list_runs(storage, DAY)] == [result.run_id]
    assert len(keys()) == 2


def test_a_run_is_discarded_by_the_command(lake: Lake, keys: Keys) -> None:
    with MockApi(breweries=10) as api:
        run = ingest(lake.settings(api.url), Storage.for_uri("s3://lakehouse"), DAY)
    options = ["--lakehouse", "s3://lakehouse", "--date", DAY.isoformat(), "--by", "Ada", "--reason", "by hand"]
    done = CliRunner().invoke(quarantine, ["discard", *options], catch_exceptions=False)
    assert f"{DAY.isoformat()} {run.run_id}: discarded on " in done.output
    (decision,) = [key for key in keys() if key.startswith("quality/decisions/")]
    assert decision.endswith(".json")


def test_a_failed_run_leaves_no_key(lake: Lake, keys: Keys) -> None:
    with MockApi(breweries=420, faults=["not-json:page=8"]) as api, pytest.raises(Exception, match="page 8"):
        ingest(lake.settings(api.url), Storage.for_uri("s3://lakehouse"), DAY)
    assert keys() == []


@pytest.mark.airflow
def test_the_tasks_use_the_connection_s_endpoint_and_credentials(
    lake: Lake, endpoint: str, monkeypatch: pytest.MonkeyPatch, keys: Keys
) -> None:
    from brewery.orchestration.tasks import ingest_date, validate_date

    # Only the connection knows them: without it nothing could be reached.
    connection = {
        "conn_type": "aws",
        "login": secrets.token_hex(8),
        "password": secrets.token_hex(16),
        "extra": {"endpoint_url": endpoint, "region_name": "us-east-1"},
    }
    name = f"s3_{secrets.token_hex(4)}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    monkeypatch.setenv("BREWERY_LAKEHOUSE_CONNECTION", name)
    monkeypatch.setenv("LAKEHOUSE_URI", "s3://lakehouse")
    with MockApi(breweries=120) as api, monkeypatch.context() as without:
        for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            without.delenv(variable)
        without.setenv("BREWERY_API_URL", f"{api.url}/v1")
        ingest_date(DAY)
        validate_date(DAY)
    assert len([key for key in keys() if key.endswith("/_manifest.json")]) == 1
    assert len([key for key in keys() if key.endswith(".jsonl.gz")]) == 1


def test_a_bucket_that_does_not_exist_is_one_sentence(lake: Lake, endpoint: str) -> None:
    storage = Storage.for_uri("s3://no-such-bucket/prefix")
    with (
        MockApi(breweries=20) as api,
        pytest.raises(StorageMissingError, match=r"bucket does not exist; create it"),
    ):
        ingest(lake.settings(api.url), storage, DAY)
    with pytest.raises(StorageMissingError, match="does not exist"):
        validate(storage, DAY)


def test_wrong_credentials_are_one_sentence(lake: Lake, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # From here on the server asks who is there, and knows nobody.
    requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=120).raise_for_status()
    try:
        with MockApi(breweries=20) as api, pytest.raises(StorageDeniedError, match="check the access key") as error:
            ingest(lake.settings(api.url), Storage.for_uri("s3://lakehouse"), DAY)
        assert not error.value.retryable
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"inf", timeout=120)


def test_a_server_that_is_down_is_one_sentence_and_worth_another_try(
    lake: Lake, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockApi(breweries=20) as gone:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gone.url)
    with MockApi(breweries=20) as api, pytest.raises(StorageUnavailableError, match="Could not write") as error:
        ingest(lake.settings(api.url), Storage.for_uri("s3://lakehouse"), DAY)
    assert error.value.retryable


@pytest.mark.usefixtures("a_file_for_each_page")
def test_an_upload_that_fails_in_the_middle_fails_the_run(lake: Lake, endpoint: str, keys: Keys) -> None:
    class Failing(S3FileSystem):  # type: ignore[misc] # s3fs has no types
        cachable = False

        async def _pipe_file(self, path: str, *args: Any, **kwargs: Any) -> Any:
            if path.endswith("page-00005.jsonl.gz"):
                raise OSError("the connection was reset")
            return await super()._pipe_file(path, *args, **kwargs)

    with MockApi(breweries=420) as api, pytest.raises(StorageError, match=r"page-00005.*connection was reset"):
        ingest(lake.settings(api.url), Storage(Failing(), "s3://lakehouse"), DAY)
    assert keys() == []


def test_a_claim_is_taken_once(endpoint: str, keys: Keys) -> None:
    """Also where another is taken between the look at the folder and the write."""
    storage = Storage.for_uri("s3://lakehouse")
    assert [take_claim(storage, "a"), take_claim(storage, "b")] == [1, 2]
    path = storage.layout.claims + "/000000000002.json"
    assert storage.create(path, b"c") is False
    assert storage.read(path) == b"b"
    assert keys() == ["_claims/000000000002.json"]
