"""What each MinIO user may do, tried with the credentials that its pods have."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.live.platform import Platform
from tests.live.proof import Taken

pytestmark = pytest.mark.e2e

USERS = {
    "airflow": "orchestrator",
    "spark": "processing",
    "jupyter": "jupyter",
    "history": "monitoring",
    "backup": "database",
}
"""MinIO user -> the namespace whose pods use it."""

READS = {
    "airflow": ["airflow/logs/probe", "lakehouse/bronze/probe", "lakehouse/gold/probe"],
    "spark": ["lakehouse/bronze/probe", "lakehouse/silver/probe", "lakehouse/gold/probe"],
    "jupyter": ["lakehouse/silver/probe", "lakehouse/gold/probe", "lakehouse/quality/probe"],
    "history": ["lakehouse/_events/probe"],
    "backup": ["airflow/backups/postgres/probe"],
}
WRITES = {
    "airflow": [
        "airflow/logs/probe",
        "airflow/artifacts/probe",
        "lakehouse/bronze/probe",
        "lakehouse/_claims/probe",
    ],
    "spark": ["lakehouse/silver/probe", "lakehouse/gold/probe", "lakehouse/quality/probe"],
    "jupyter": [],
    "history": [],
    "backup": ["airflow/backups/postgres/probe"],
}
PLACES = sorted({place for table in (READS, WRITES) for places in table.values() for place in places})


@pytest.fixture(scope="module")
def clients(platform: Platform) -> dict[str, Any]:
    return {user: platform.s3(*platform.credentials(namespace)) for user, namespace in USERS.items()}


@pytest.fixture(scope="module")
def objects(platform: Platform) -> Iterator[None]:
    """An object of the suite's own at each place, so that a refusal is one and no missing object."""
    for place in PLACES:
        bucket, _, key = place.partition("/")
        platform.store.put_object(Bucket=bucket, Key=key, Body=b"probe")
    yield
    for place in PLACES:
        bucket, _, key = place.partition("/")
        platform.store.delete_object(Bucket=bucket, Key=key)


def refused(call: Any, place: str, **arguments: Any) -> bool:
    bucket, _, key = place.partition("/")
    try:
        call(Bucket=bucket, Key=key, **arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return True
    return False


@pytest.mark.parametrize("user", USERS)
def test_a_user_reads_what_it_needs_and_nothing_else(
    platform: Platform, clients: dict[str, Any], objects: None, user: str
) -> None:
    allowed = [place for place in PLACES if not refused(clients[user].get_object, place)]
    expected = set(READS[user])
    if user == "airflow":
        # It reads the whole lakehouse for its figures, and what it has written.
        expected |= {place for place in PLACES if place.startswith("lakehouse/")} | {"airflow/artifacts/probe"}
    if user == "spark":
        expected |= {place for place in PLACES if place.startswith("lakehouse/")}
    assert set(allowed) == expected


@pytest.mark.parametrize("user", USERS)
def test_a_user_writes_and_deletes_what_it_has_to_and_nothing_else(
    platform: Platform, clients: dict[str, Any], objects: None, user: str
) -> None:
    expected = set(WRITES[user])
    if user == "spark":
        expected |= {place for place in PLACES if place.startswith("lakehouse/")}
    assert {p for p in PLACES if not refused(clients[user].put_object, p, Body=b"probe")} == expected
    assert {p for p in PLACES if not refused(clients[user].delete_object, p)} == expected
    for place in expected:
        bucket, _, key = place.partition("/")
        platform.store.put_object(Bucket=bucket, Key=key, Body=b"probe")


def test_spark_cannot_read_a_real_task_log(
    platform: Platform, clients: dict[str, Any], days: tuple[Taken, Taken]
) -> None:
    log = platform.keys("airflow", "logs/")[0]
    assert refused(clients["spark"].get_object, f"airflow/{log}")
    with pytest.raises(ClientError, match="AccessDenied"):
        clients["spark"].list_objects_v2(Bucket="airflow")


def test_jupyter_cannot_touch_a_real_gold_table(
    platform: Platform, clients: dict[str, Any], days: tuple[Taken, Taken]
) -> None:
    table = "gold/breweries_by_type"
    names = platform.keys("lakehouse", f"{table}/")
    before = {name: platform.read("lakehouse", name) for name in names}
    assert refused(clients["jupyter"].put_object, f"lakehouse/{table}/probe", Body=b"probe")
    assert refused(clients["jupyter"].delete_object, f"lakehouse/{names[0]}")
    assert {name: platform.read("lakehouse", name) for name in platform.keys("lakehouse", f"{table}/")} == before


@pytest.mark.parametrize("user", USERS)
def test_no_user_administers_the_store(clients: dict[str, Any], user: str) -> None:
    for call, arguments in (
        (clients[user].create_bucket, {"Bucket": f"probe-{user}"}),
        (clients[user].delete_bucket, {"Bucket": "lakehouse"}),
        (clients[user].put_bucket_policy, {"Bucket": "lakehouse", "Policy": "{}"}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "AccessDenied", arguments


def test_there_are_two_buckets(platform: Platform) -> None:
    names = {bucket["Name"] for bucket in platform.store.list_buckets()["Buckets"]}
    assert names == {"airflow", "lakehouse"}


def test_nobody_gets_in_without_a_key(platform: Platform) -> None:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    anyone = boto3.client("s3", endpoint_url=platform.s3_endpoint, config=Config(signature_version=UNSIGNED))
    for bucket in ("airflow", "lakehouse"):
        with pytest.raises(ClientError, match="AccessDenied"):
            anyone.list_objects_v2(Bucket=bucket)


def test_the_store_can_be_reached_from_outside_through_its_load_balancer(platform: Platform) -> None:
    (service,) = platform.cluster.get("services", "deepstorage", "--field-selector=metadata.name=minio-external")
    (address,) = service["status"]["loadBalancer"]["ingress"]
    access_key, secret_key = platform.credentials("jupyter")
    outside = platform.s3(access_key, secret_key, f"http://{address['ip']}:9000")
    assert outside.list_objects_v2(Bucket="lakehouse", Prefix="gold/")["Name"] == "lakehouse"
