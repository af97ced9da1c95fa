"""Secrets live: copies are where docs/secrets.md says and nowhere else, and follow a rotation of their source."""

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from harness.clusters.deploy.causes import is_ready
from harness.clusters.kind.kubectl import Kubectl
from tests.live.platform import NAMESPACES, Platform
from tests.live.wait import until

pytestmark = pytest.mark.e2e

COPIES: Final = {
    "deepstorage/minio-airflow": "orchestrator/minio-secrets",
    "deepstorage/minio-spark": "processing/minio-secrets",
    "deepstorage/minio-jupyter": "jupyter/minio-secrets",
    "deepstorage/minio-history": "monitoring/minio-secrets",
    "deepstorage/minio-backup": "database/minio-secrets",
    "database/postgres-airflow": "orchestrator/postgres-secrets",
}
"""Source -> its copy."""
ORIGINALS: Final = {
    "deepstorage/minio-secrets",
    "database/postgres-secrets",
    "orchestrator/airflow-secrets",
    "monitoring/alertmanager-secrets",
    "monitoring/grafana-secrets",
    "jupyter/jupyter-secrets",
}
"""Those that are copied nowhere."""
NO_SECRETS: Final = ("access-key", "root-user")
"""Keys whose values are names of users."""
ROTATED: Final = ("deepstorage", "minio-backup", "database", "minio-secrets")
"""The source that is rotated, and its copy: the one that nothing uses while the suite runs."""


@pytest.fixture(scope="module")
def values(cluster: Kubectl) -> dict[str, dict[str, str]]:
    """Every Secret of the platform, but for those that Argo CD makes for itself."""
    return {
        f"{namespace}/{item['metadata']['name']}": {
            key: base64.b64decode(value).decode() for key, value in (item.get("data") or {}).items()
        }
        for namespace in NAMESPACES
        if namespace != "cicd"
        for item in cluster.get("secrets", namespace)
    }


def test_there_are_these_secrets_and_no_others(values: dict[str, dict[str, str]]) -> None:
    assert set(values) == {*COPIES, *COPIES.values(), *ORIGINALS}


@pytest.mark.parametrize("source", COPIES)
def test_a_copy_equals_its_source(values: dict[str, dict[str, str]], source: str) -> None:
    assert values[source]
    assert values[COPIES[source]] == values[source]


def test_a_value_is_nowhere_but_in_its_copies(values: dict[str, dict[str, str]]) -> None:
    places: dict[str, set[str]] = {}
    for place, data in values.items():
        for key, value in data.items():
            if key not in NO_SECRETS:
                places.setdefault(value, set()).add(place)
    shared = {frozenset(namespaces) for namespaces in places.values() if len(namespaces) > 1}
    assert shared == {frozenset(pair) for pair in COPIES.items()}


def test_no_configmap_holds_a_secret(cluster: Kubectl, values: dict[str, dict[str, str]]) -> None:
    hidden = {
        value for data in values.values() for key, value in data.items() if key not in ("access-key", "root-user")
    }
    for namespace in NAMESPACES:
        text = json.dumps(cluster.get("configmaps", namespace))
        assert not [value for value in hidden if value in text], namespace


def key_of(platform: Platform, namespace: str, name: str) -> str:
    return platform.secret(namespace, name)["secret-key"]


def write_key(cluster: Kubectl, value: str) -> None:
    """Changes the source alone, as whoever rotates it does."""
    namespace, name = ROTATED[:2]
    patch = json.dumps({"stringData": {"secret-key": value}})
    cluster.run("patch", "secret", name, f"--namespace={namespace}", f"--patch={patch}", doing="rotate a source")


def sync(cluster: Kubectl, application: str) -> None:
    """What `argocd app sync` does, to its end: Argo CD may be healing something just then, which is waited for."""
    name = f"scenario-{secrets.token_hex(4)}"
    # As argocd does: without a null, what the last operation was limited to (a heal: two resources) stays in there.
    asked = {"operation": {"initiatedBy": {"username": name}, "sync": {}}, "status": {"operationState": None}}
    where = ["application.argoproj.io", application, "--namespace=cicd", "--type=merge"]

    def ended() -> bool | None:
        now = application_of(cluster, application)
        latest = now["status"].get("operationState", {})
        if latest.get("operation", {}).get("initiatedBy", {}).get("username") == name:
            return (latest["phase"] == "Succeeded" and is_ready(now)) or None
        if "operation" not in now and latest.get("phase") != "Running":
            cluster.run("patch", *where, f"--patch={json.dumps(asked)}", doing=f"sync {application}")
        return None

    until(ended, what=f"the sync of {application} ends", seconds=180)


def application_of(cluster: Kubectl, name: str) -> dict[str, Any]:
    matching = cluster.get("applications.argoproj.io", "cicd", f"--field-selector=metadata.name={name}")
    return matching[0]


@pytest.fixture
def rotated(platform: Platform, cluster: Kubectl) -> Iterator[tuple[str, str]]:
    """The key of the backup's user before and after a change of the source; undone at the end."""
    before = key_of(platform, *ROTATED[:2])
    after = secrets.token_hex(20)
    write_key(cluster, after)
    yield before, after
    write_key(cluster, before)
    until(
        lambda: key_of(platform, *ROTATED[2:]) == before or None,
        what="the copy follows back to what it was",
        seconds=60,
    )
    sync(cluster, "deepstorage")


def test_a_copy_follows_a_rotation_and_minio_takes_the_new_key(
    platform: Platform, cluster: Kubectl, rotated: tuple[str, str]
) -> None:
    before, after = rotated
    until(
        lambda: key_of(platform, *ROTATED[2:]) == after or None,
        what="the copy in database follows its source in deepstorage",
        seconds=60,
    )
    # The bootstrap Job runs in every sync, and that is how MinIO gets to know.
    sync(cluster, "deepstorage")
    reads = {"Bucket": "airflow", "Prefix": "backups/postgres/"}
    platform.s3(*platform.credentials("database")).list_objects_v2(**reads)
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied"):
        platform.s3("backup", before).list_objects_v2(**reads)


def test_a_copy_that_somebody_changed_goes_back_to_its_source(platform: Platform, cluster: Kubectl) -> None:
    source, copy = ROTATED[:2], ROTATED[2:]
    wanted = key_of(platform, *source)
    patch = json.dumps({"stringData": {"secret-key": secrets.token_hex(20)}})
    cluster.run("patch", "secret", copy[1], f"--namespace={copy[0]}", f"--patch={patch}", doing="change a copy")
    until(
        lambda: key_of(platform, *copy) == wanted or None,
        what="the copy equals its source again",
        seconds=60,
    )
