"""A lakehouse in an object store: how it is configured, who writes to it, and that it can be read."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from s3fs import S3FileSystem

from brewery.errors import StorageMissingError
from harness.errors import HarnessError
from harness.pipeline.embedded import lease as module
from harness.pipeline.embedded.lakehouse import committed_dates, prepare
from harness.pipeline.embedded.lease import Lease, LostError, leased
from harness.pipeline.lakehouse.read import summarise
from harness.pipeline.lakehouse.s3 import s3_variables, use_s3
from tests.s3_server import s3_server

pytestmark = [pytest.mark.s3, pytest.mark.usefixtures("no_aws")]

KEY, SECRET, TOKEN = (secrets.token_hex(8) for _ in range(3))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of an S3 server for all tests: starting one takes seconds."""
    with s3_server() as url:
        yield url


@pytest.fixture
def store(server: str, no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an S3 server with nothing but the bucket `lake`, configured by variables."""
    requests.post(f"{server}/moto-api/reset", timeout=120).raise_for_status()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()
    use_s3()
    boto3.client("s3").create_bucket(Bucket="lake")
    yield server
    S3FileSystem.clear_instance_cache()


def test_variables_are_those_of_the_aws_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://store.example:9000")
    variables = s3_variables()
    assert variables["AWS_ENDPOINT_URL_S3"] == variables["AWS_ENDPOINT_URL"] == "https://store.example:9000"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]) == (KEY, SECRET)
    assert (variables["AWS_SESSION_TOKEN"], variables["AWS_REGION"]) == (TOKEN, "eu-central-1")
    assert variables["AWS_ALLOW_HTTP"] == "false"


def test_a_profile_gives_credentials_region_and_endpoint(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_aws / "credentials").write_text(
        f"[lake]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\naws_session_token={TOKEN}\n"
    )
    (no_aws / "config").write_text(
        "[profile lake]\nregion=eu-west-1\nservices=local\n[services local]\ns3 =\n"
        "  endpoint_url = http://127.0.0.1:5000\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "lake")
    variables = s3_variables()
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:5000"
    assert variables["AWS_ALLOW_HTTP"] == "true"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SESSION_TOKEN"]) == (KEY, TOKEN)
    assert variables["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_ACCESS_KEY_ID": KEY}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL": "store.example"}, "store.example"),
    ],
)
def test_a_wrong_configuration_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(HarnessError, match=r"^[^\n]+$") as caught:
        s3_variables()
    assert says in str(caught.value)


def test_a_lakehouse_is_prepared_and_emptied(store: str) -> None:
    client = boto3.client("s3")
    for key in ("bronze/breweries/ingestion_date=2025-01-01/run_id=a/_manifest.json", "gold/x", ".lock"):
        client.put_object(Bucket="lake", Key=f"day/{key}", Body=b"{}")
    client.put_object(Bucket="lake", Key="other", Body=b"mine")
    prepare("s3://lake/day", fresh=False)
    assert [str(date) for date in committed_dates("s3://lake/day")] == ["2025-01-01"]
    prepare("s3://lake/day", fresh=True)
    assert {item["Key"] for item in client.list_objects_v2(Bucket="lake")["Contents"]} == {"day/.lock", "other"}
    with pytest.raises(HarnessError, match="'day'"):
        prepare("s3://lake", fresh=True)


def test_a_bucket_that_does_not_exist_is_named(store: str) -> None:
    with pytest.raises(StorageMissingError, match="bucket"):
        prepare("s3://nowhere/day", fresh=False)


def test_the_second_writer_is_told_who_is_the_first(store: str) -> None:
    with (
        leased("s3://lake/day", pytest.fail),
        pytest.raises(HarnessError, match="is writing to s3://") as caught,
    ):
        Lease("s3://lake/day").take()
    assert caught.value.exit_code == 4
    assert Lease("s3://lake/day").take(), "it was given back"


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_notices(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Lease("s3://lake/day")
    assert first.take()
    first.renew()
    monkeypatch.setattr(module, "_LIFETIME", -1)
    second = Lease("s3://lake/day")
    assert second.take()
    with pytest.raises(LostError):
        first.renew()
    first.give_back()
    second.renew()


def test_the_lease_of_a_process_that_ended_here_blocks_nobody(store: str) -> None:
    gone = Lease("s3://lake/day")
    assert gone.take()
    client = boto3.client("s3")
    about = json.loads(client.get_object(Bucket="lake", Key="day/.lock")["Body"].read())
    client.put_object(Bucket="lake", Key="day/.lock", Body=json.dumps({**about, "pid": 2**22 + 1}))
    assert Lease("s3://lake/day").take()


def test_a_store_that_ignores_conditions_is_named(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Lease._write
    monkeypatch.setattr(Lease, "_write", lambda self, **_: write(self))
    said: list[str] = []
    with leased("s3://lake/day", said.append) as variables:
        assert variables == {}
    assert "without conditional writes" in said[0]


def test_the_report_reads_it(store: str, lakehouse: Path) -> None:
    S3FileSystem().put(str(lakehouse), "lake/copy", recursive=True)
    expected = summarise(lakehouse)
    summary = summarise("s3://lake/copy")
    assert summary.root == "s3://lake/copy"
    assert (summary.by_type, summary.runs, summary.cells) == (expected.by_type, expected.runs, expected.cells)
    with pytest.raises(HarnessError, match="s3://lake/nothing"):
        summarise("s3://lake/nothing")


def test_a_store_that_does_not_answer_is_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ACCESS_KEY_ID", KEY),
        ("SECRET_ACCESS_KEY", SECRET),
        ("ENDPOINT_URL", "http://127.0.0.1:9"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    use_s3()
    with pytest.raises(HarnessError, match=r"Connection refused.*see whether the object store answers"):
        summarise("s3://lake/day")
