import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from tests.e2e.reflector_stand_in.stand_in import (
    ALLOWED,
    ALLOWED_NAMESPACES,
    REFLECTED_VERSION,
    REFLECTS,
    Secret,
    Watcher,
    due,
    may_go_to,
    patch,
    serve,
)
from tests.processes import serving


def source(data: dict[str, str], **annotations: str) -> Secret:
    notes = {ALLOWED: "true", ALLOWED_NAMESPACES: "processing"}
    return Secret("deepstorage", "minio-spark", "7", data, {**notes, **{k: v for k, v in annotations.items() if v}})


def copy(data: dict[str, str], namespace: str = "processing") -> Secret:
    return Secret(namespace, "minio-secrets", "3", data, {REFLECTS: "deepstorage/minio-spark"})


def test_a_copy_gets_all_of_the_sources_data_and_loses_the_rest() -> None:
    assert patch(source({"a": "MQ==", "b": "Mg=="}), copy({"b": "OQ==", "c": "Mw=="})) == {
        "metadata": {"annotations": {REFLECTED_VERSION: "7"}},
        "data": {"a": "MQ==", "b": "Mg==", "c": None},
    }


def test_an_equal_copy_is_left_alone() -> None:
    assert patch(source({"a": "MQ=="}), copy({"a": "MQ=="})) is None


@pytest.mark.parametrize(
    ("allowed", "namespaces", "namespace", "expected"),
    [
        ("true", "processing", "processing", True),
        ("true", "processing", "processing-2", False),
        ("true", "jupyter, proc.*", "processing", True),
        ("true", "", "anywhere", True),
        ("false", "processing", "processing", False),
        ("", "processing", "processing", False),
    ],
)
def test_where_a_source_may_go(allowed: str, namespaces: str, namespace: str, expected: bool) -> None:
    secret = Secret("deepstorage", "x", "1", {}, {ALLOWED: allowed, ALLOWED_NAMESPACES: namespaces})

    assert may_go_to(secret, namespace) is expected


def test_a_namespace_that_the_source_does_not_allow_gets_nothing() -> None:
    assert due([source({"a": "MQ=="}), copy({}, "jupyter")], "deepstorage/minio-spark") == []


def test_a_change_of_source_or_copy_is_carried_out_and_others_are_not_touched() -> None:
    secrets = [source({"a": "MQ=="}), copy({"a": "OQ=="}), Secret("database", "other", "1", {}, {})]

    assert [needy.place for needy, _ in due(secrets, "deepstorage/minio-spark")] == ["processing/minio-secrets"]
    assert [needy.place for needy, _ in due(secrets, "processing/minio-secrets")] == ["processing/minio-secrets"]
    assert due(secrets, "database/other") == []


def test_a_source_that_is_gone_leaves_the_copy() -> None:
    assert due([copy({"a": "MQ=="})], "processing/minio-secrets") == []


def test_health_is_at_reflectors_addresses() -> None:
    watcher, stopped = Watcher(api=None), threading.Event()
    thread = threading.Thread(target=stopped.wait, daemon=True)
    thread.start()
    with serving(serve(watcher, thread, port=0)) as url:

        def status(path: str) -> int:
            return requests.get(f"{url}{path}", timeout=120).status_code

        assert (status("/health/ready"), status("/health/live"), status("/")) == (503, 200, 404)
        watcher.ready.set()
        assert status("/health/ready") == 200
        stopped.set()
        thread.join()
        assert status("/health/live") == 503


class Api:
    """Lists once, then fails: what the watch after it would see does not matter here."""

    def __init__(self, secrets: list[Secret]) -> None:
        self.secrets = secrets
        self.written: list[tuple[str, str, dict[str, Any]]] = []

    def list_secret_for_all_namespaces(self) -> SimpleNamespace:
        items = [
            SimpleNamespace(
                metadata=SimpleNamespace(
                    namespace=s.namespace, name=s.name, resource_version=s.version, annotations=s.annotations
                ),
                data=s.data,
            )
            for s in self.secrets
        ]
        return SimpleNamespace(items=items, metadata=SimpleNamespace(resource_version="9"))

    def patch_namespaced_secret(self, name: str, namespace: str, body: dict[str, Any]) -> None:
        self.written.append((namespace, name, body))


def test_what_differs_at_the_start_is_written_before_it_is_ready() -> None:
    api = Api([source({"a": "MQ=="}), copy({})])
    watcher = Watcher(api)

    with pytest.raises(Exception, match="list_secret_for_all_namespaces"):
        watcher._once()

    assert [(namespace, name) for namespace, name, _ in api.written] == [("processing", "minio-secrets")]
    assert watcher.ready.is_set()
