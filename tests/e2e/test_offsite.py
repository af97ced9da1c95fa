"""Backups in another store, and the drill: the database and a table are lost, and come back within ten minutes."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from botocore.exceptions import ClientError
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from harness.clusters.kind.kubectl import Kubectl
from harness.paths import ROOT
from tests.live import frames
from tests.live.database import Database, run_now
from tests.live.platform import Platform
from tests.live.proof import INGESTION, TRANSFORMATION, Proof, Taken
from tests.live.wait import until
from tests.oracle.gold import GOLD as ORACLE

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(1800)]

COMPONENT: Final = ROOT / "components" / "offsite-backup"
BUCKET: Final = "lakehouse-offsite"
OUTSIDE: Final = "outside"
STORE: Final = "offsite-store"
SECONDS: Final = 600
"""From the loss to a usable Airflow: the bound of the drill."""
TABLE: Final = "breweries_by_type"
LEFT_OUT: Final = ("gold/_staging/", "_claims/", "_events/")
"""What the copy does not have: the next run writes it again, or nobody needs it."""


def secret(namespace: str, name: str, values: dict[str, str]) -> dict[str, Any]:
    where = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": where, "stringData": values}


def store(cluster: Kubectl, user: str, password: str) -> None:
    """Starts the store outside, with the image of the platform's."""
    (minio,) = cluster.get("statefulsets.apps", "deepstorage", "--field-selector=metadata.name=minio")
    items = list(yaml.safe_load_all((ROOT / "tests" / "e2e" / f"{STORE}.yaml").read_text(encoding="utf-8")))
    theirs, ours = (item["spec"]["template"]["spec"]["containers"][0] for item in (minio, items[0]))
    ours["image"] = theirs["image"]
    items.append(secret(OUTSIDE, STORE, {"MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": password}))
    cluster.apply(yaml.safe_dump_all(items), doing="start a store outside")
    cluster.run(
        "rollout", "status", f"deployment/{STORE}", f"--namespace={OUTSIDE}", doing="wait for it", timeout=180
    )


@dataclass(frozen=True)
class Outside:
    """The other store as its owner sees it, and the private key, which the cluster does not have."""

    address: str
    client: Any
    users: dict[str, tuple[str, str]]
    private: Path
    certificate: Path


@pytest.fixture(scope="module")
def outside(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    cluster, folder = platform.cluster, tmp_path_factory.mktemp("offsite")
    private, certificate = folder / "private.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "1", "-subj", "/CN=drill"]
    subprocess.run(
        [*request, "-keyout", private, "-out", certificate], check=True, stderr=subprocess.DEVNULL, timeout=60
    )
    owner = ("owner", secrets.token_hex(20))
    store(cluster, *owner)
    address = f"http://{platform.forwards.address(OUTSIDE, STORE, 9000)}"
    client = platform.s3(*owner, address)
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rules = json.loads((COMPONENT / "lifecycle.json").read_text(encoding="utf-8"))
    client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules)
    users = {}
    for namespace in ("database", "deepstorage"):
        users[namespace] = (namespace, secrets.token_hex(20))
        policy = (COMPONENT / f"{namespace}-policy.json").read_text(encoding="utf-8")
        add_user(cluster, owner, users[namespace], policy)
        values = {
            "endpoint": f"http://{STORE}.{OUTSIDE}.svc.cluster.local:9000",
            "bucket": BUCKET,
            "access-key": users[namespace][0],
            "secret-key": users[namespace][1],
        }
        if namespace == "database":
            values["certificate"] = certificate.read_text(encoding="utf-8")
        manifest = yaml.safe_dump(secret(namespace, "offsite-backup", values))
        cluster.apply(manifest, doing=f"write the Secret {namespace}/offsite-backup")
    yield Outside(address, client, users, private, certificate)
    for namespace in users:
        kinds = ["secret/offsite-backup", f"networkpolicy/{STORE}"]
        cluster.run("delete", *kinds, f"--namespace={namespace}", doing="delete what leads to it")
    kinds = [f"{kind}/{STORE}" for kind in ("deployment", "service", "secret", "networkpolicy")]
    cluster.run("delete", *kinds, f"--namespace={OUTSIDE}", doing="delete the store outside")


def add_user(cluster: Kubectl, owner: tuple[str, str], user: tuple[str, str], policy: str) -> None:
    """A user with a policy, made by the store's own client in its pod."""
    script = f"""
set -eu
export MC_CONFIG_DIR=/tmp/mc
printf '%s\\n%s\\n' '{owner[0]}' '{owner[1]}' | mc alias set me http://127.0.0.1:9000 --api S3v4 >/dev/null
cat >/tmp/{user[0]}.json <<'POLICY'
{policy}
POLICY
mc admin policy create me {user[0]} /tmp/{user[0]}.json >/dev/null
printf '%s\\n%s\\n' '{user[0]}' '{user[1]}' | mc admin user add me >/dev/null
mc admin policy attach me {user[0]} --user {user[0]} >/dev/null
"""
    words = [*cluster.exec_words(OUTSIDE, f"deployment/{STORE}"), "sh"]
    done = subprocess.run(words, input=script, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-1000:]


def dumps(outside: Outside) -> list[str]:
    found = outside.client.list_objects_v2(Bucket=BUCKET, Prefix="postgres/").get("Contents", [])
    return sorted(item["Key"] for item in found)


@pytest.fixture(scope="module")
def shipped(platform: Platform, outside: Outside, days: tuple[Taken, Taken]) -> str:
    """Key of a dump that was written now."""
    before = set(dumps(outside))
    run_now(platform, "database", "postgres-offsite")
    (key,) = set(dumps(outside)) - before
    return key


def decrypted(outside: Outside, key: str, folder: Path) -> bytes:
    """The dump, as docs say to decrypt it."""
    file, plain = folder / "dump.cms", folder / "dump"
    file.write_bytes(outside.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    words = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER"]
    options: list[str | Path] = [
        "-inkey",
        outside.private,
        "-recip",
        outside.certificate,
        "-in",
        file,
        "-out",
        plain,
    ]
    subprocess.run([*words, *options], check=True, timeout=60)
    return plain.read_bytes()


def test_a_dump_outside_is_of_no_use_without_the_key(outside: Outside, shipped: str, tmp_path: Path) -> None:
    encrypted = outside.client.get_object(Bucket=BUCKET, Key=shipped)["Body"].read()
    assert not encrypted.startswith(b"PGDMP")
    assert b"dag_run" not in encrypted
    assert decrypted(outside, shipped, tmp_path).startswith(b"PGDMP")


def test_the_cluster_cannot_read_list_or_delete_its_dumps(
    platform: Platform, outside: Outside, shipped: str
) -> None:
    own = platform.s3(*outside.users["database"], outside.address)
    for call in (own.get_object, own.delete_object):
        with pytest.raises(ClientError, match=r"AccessDenied|403"):
            call(Bucket=BUCKET, Key=shipped)
    with pytest.raises(ClientError, match="AccessDenied"):
        own.list_objects_v2(Bucket=BUCKET)
    assert shipped in dumps(outside)


def test_the_database_is_lost_and_comes_back(
    platform: Platform,
    outside: Outside,
    shipped: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    database, airflow = Database(platform), platform.airflow

    def runs() -> dict[str, set[str]]:
        return {dag: {run.run_id for run in airflow.runs(dag)} for dag in (INGESTION, TRANSFORMATION)}

    at_backup = runs()
    # After the dump: what the drill will find lost.
    later = airflow.trigger(TRANSFORMATION, {})
    until(
        lambda: airflow.run(later.dag_id, later.run_id).state == "success" or None,
        what="a run after the dump ends",
        seconds=900,
    )
    began = time.monotonic()
    database.stop_airflow()
    database.drop()
    record_property("lost", round(time.monotonic() - began))

    dump = decrypted(outside, shipped, tmp_path)
    database.sync()
    database.restore(dump)
    record_property("the dump is restored", round(time.monotonic() - began))
    database.resume()
    database.until_airflow_is_usable(SECONDS - (time.monotonic() - began))
    record_property("Airflow is usable", round(time.monotonic() - began))
    there = runs()
    lost = {later.run_id}
    assert there == {**at_backup, TRANSFORMATION: at_backup[TRANSFORMATION] - lost}
    record_property("runs that were lost", len(lost))


def test_airflow_works_after_the_drill(platform: Platform, proof: Proof, days: tuple[Taken, Taken]) -> None:
    proof.take(proof.taken()[-1].shown)


@pytest.fixture(scope="module")
def mirrored(platform: Platform, outside: Outside, days: tuple[Taken, Taken]) -> set[str]:
    """Keys of the bucket lakehouse that the copy has to have, after it was made."""
    run_now(platform, "deepstorage", "lakehouse-mirror")
    return {key for key in platform.keys("lakehouse") if not key.startswith(LEFT_OUT)}


def copied(outside: Outside) -> dict[str, str]:
    """Key in the bucket lakehouse -> ETag of its copy."""
    pages = outside.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="lakehouse/")
    items = [item for page in pages for item in page.get("Contents", [])]
    return {item["Key"].removeprefix("lakehouse/"): item["ETag"] for item in items}


def test_the_copy_is_the_lakehouse(platform: Platform, outside: Outside, mirrored: set[str]) -> None:
    assert copied(outside).keys() == mirrored
    for key in sorted(mirrored):
        copy = outside.client.get_object(Bucket=BUCKET, Key=f"lakehouse/{key}")["Body"].read()
        assert copy == platform.read("lakehouse", key), key


def test_a_table_that_is_lost_comes_back_from_the_copy(
    platform: Platform,
    outside: Outside,
    proof: Proof,
    mirrored: set[str],
    spark: SparkSession,
    layout: Layout,
    record_property: Callable[[str, object], None],
) -> None:
    prefix = f"gold/{TABLE}/"
    for key in platform.keys("lakehouse", prefix):
        platform.store.delete_object(Bucket="lakehouse", Key=key)
    began = time.monotonic()
    for key in sorted(key for key in mirrored if key.startswith(prefix)):
        body = outside.client.get_object(Bucket=BUCKET, Key=f"lakehouse/{key}")["Body"].read()
        platform.store.put_object(Bucket="lakehouse", Key=key, Body=body)
    record_property("a table is back", round(time.monotonic() - began))
    actual = frames.read(spark, layout.gold(TABLE), ORACLE[TABLE].schema)
    frames.assert_same(actual, frames.gold(spark, proof.expected(), TABLE))
