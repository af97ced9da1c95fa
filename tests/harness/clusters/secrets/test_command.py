import base64
import json
from copy import deepcopy
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from harness.clusters.secrets.command import app
from harness.errors import HarnessError
from harness.exits import ExitCode
from harness.manifests.catalogue import read


class Harness:
    """Runs `harness secrets` and knows every value that must not be shown."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster

    def __call__(self, *arguments: str, context: str = "here") -> Result:
        options = ["--context", context, "--kubeconfig", str(self.cluster.kubeconfig)]
        return CliRunner().invoke(app, [*arguments, *options])

    def fails(self, *arguments: str, context: str = "here") -> str:
        error = self(*arguments, context=context).exception
        assert isinstance(error, HarnessError)
        return str(error)

    def values(self) -> set[str]:
        constants = {recipe.value for secret in read().secrets for recipe in secret.keys.values()}
        stored = {value for secret in self.cluster.secrets.values() for value in secret["data"].values()}
        return {base64.b64decode(value).decode() for value in stored} - constants


@pytest.fixture
def harness(cluster: Any) -> Harness:
    return Harness(cluster)


def places() -> set[tuple[str, str]]:
    return {(place.namespace, place.name) for place, _ in read().without_components().places()}


def test_apply_makes_every_secret_and_every_copy(harness: Harness) -> None:
    result = harness("apply")
    assert result.exit_code == 0, result.output
    assert set(harness.cluster.secrets) == places()
    source = harness.cluster.data("deepstorage", "minio-spark")
    assert harness.cluster.data("processing", "minio-secrets") == source
    annotations = harness.cluster.secrets["processing", "minio-secrets"]["metadata"]["annotations"]
    assert annotations == {"reflector.v1.k8s.emberstack.com/reflects": "deepstorage/minio-spark"}


def test_the_source_tells_reflector_where_copies_may_be(harness: Harness) -> None:
    harness("apply")
    annotations = harness.cluster.secrets["deepstorage", "minio-spark"]["metadata"]["annotations"]
    assert annotations == {
        "reflector.v1.k8s.emberstack.com/reflection-allowed": "true",
        "reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces": "processing",
    }


def test_apply_makes_missing_namespaces_restricted(harness: Harness) -> None:
    harness.cluster.namespaces = {"deepstorage"}
    harness("apply")
    assert {namespace for namespace, _ in places()} == harness.cluster.namespaces


def test_apply_again_writes_nothing(harness: Harness) -> None:
    harness("apply")
    before, written = deepcopy(harness.cluster.secrets), len(harness.cluster.writes())
    result = harness("apply")
    assert "0 Secrets written" in result.output
    assert harness.cluster.secrets == before
    assert len(harness.cluster.writes()) == written


def test_a_missing_key_is_added_and_the_others_stay(harness: Harness) -> None:
    harness("apply")
    before = harness.cluster.data("orchestrator", "airflow-secrets")
    del harness.cluster.secrets["orchestrator", "airflow-secrets"]["data"]["fernet-key"]
    result = harness("apply")
    after = harness.cluster.data("orchestrator", "airflow-secrets")
    assert "orchestrator/airflow-secrets: fernet-key made" in result.output
    assert set(after) == set(before)
    assert {key for key in after if after[key] != before[key]} == {"fernet-key"}


def test_changes_go_by_server_side_apply(harness: Harness) -> None:
    harness("apply")
    harness("rotate", "minio-spark")
    patches = [kind for verb, _, kind in harness.cluster.requests if verb == "PATCH"]
    assert patches == ["application/apply-patch+yaml"] * 2


def test_rotate_renews_one_secret_and_its_copies(harness: Harness) -> None:
    harness("apply")
    before = {place: harness.cluster.data(*place) for place in harness.cluster.secrets}
    result = harness("rotate", "minio-spark")
    assert result.exit_code == 0, result.output
    after = {place: harness.cluster.data(*place) for place in harness.cluster.secrets}
    assert {place for place in after if after[place] != before[place]} == {
        ("deepstorage", "minio-spark"),
        ("processing", "minio-secrets"),
    }
    assert after["processing", "minio-secrets"] == after["deepstorage", "minio-spark"]
    source = ("deepstorage", "minio-spark")
    assert after[source]["access-key"] == before[source]["access-key"]
    assert after[source]["secret-key"] != before[source]["secret-key"]
    assert "deepstorage/Job/minio-bootstrap" in result.output


def test_rotate_one_key(harness: Harness) -> None:
    harness("apply")
    before = harness.cluster.data("orchestrator", "airflow-secrets")
    harness("rotate", "airflow-secrets", "--key", "admin-password")
    after = harness.cluster.data("orchestrator", "airflow-secrets")
    assert {key for key in after if after[key] != before[key]} == {"admin-password"}


def test_rotate_what_is_not_there_says_so(harness: Harness) -> None:
    assert "harness secrets apply" in harness.fails("rotate", "minio-spark")
    assert harness.cluster.writes() == []


@pytest.mark.parametrize("arguments", [("rotate", "nothing"), ("rotate", "minio-spark", "--key", "access-key")])
def test_an_unknown_name_or_key_exits_with_2(harness: Harness, arguments: tuple[str, ...]) -> None:
    harness("apply")
    result = harness(*arguments)
    assert isinstance(result.exception, HarnessError)
    assert result.exception.exit_code == 2


def test_somebody_else_at_the_same_time_loses_nothing(harness: Harness) -> None:
    harness("apply")
    harness.cluster.interfere = 2
    result = harness("rotate", "minio-spark")
    assert result.exit_code == 0, result.output
    source = harness.cluster.data("deepstorage", "minio-spark")
    assert harness.cluster.data("processing", "minio-secrets") == source


def test_endless_interference_ends_with_a_sentence(harness: Harness) -> None:
    harness("apply")
    harness.cluster.interfere = 100
    assert "was changed by others" in harness.fails("rotate", "minio-spark")


def test_a_foreign_secret_in_a_copys_place_is_kept(harness: Harness) -> None:
    harness("apply")
    harness.cluster.secrets["processing", "minio-secrets"]["metadata"]["annotations"] = {}
    before = harness.cluster.data("processing", "minio-secrets")
    assert "processing/minio-secrets" in harness.fails("rotate", "minio-spark")
    assert harness.cluster.data("processing", "minio-secrets") == before


def test_no_command_prints_a_value_unasked(harness: Harness) -> None:
    output = "".join(
        harness(*arguments).output
        for arguments in (
            ("apply", "--dry-run"),
            ("apply",),
            ("list",),
            ("list", "--format", "json"),
            ("show", "minio-spark"),
            ("show", "minio-spark", "--format", "json"),
            ("rotate", "minio-spark", "--dry-run"),
            ("rotate", "minio-spark"),
        )
    )
    values = harness.values()
    encoded = {base64.b64encode(value.encode()).decode() for value in values}
    assert len(values) >= 10
    assert not [value for value in values | encoded if value in output]


def test_show_reveals_when_asked(harness: Harness) -> None:
    harness("apply")
    value = base64.b64decode(harness.cluster.data("monitoring", "grafana-secrets")["admin-password"]).decode()
    shown = json.loads(harness("show", "grafana-secrets", "--reveal", "--format", "json").output)
    assert shown == {"admin-password": value}


def test_a_dry_run_writes_nothing(harness: Harness) -> None:
    result = harness("apply", "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.output.count("kind: Secret") == len(places())
    assert harness.cluster.writes() == []


def test_list_tells_what_is_missing_and_exits_with_3(harness: Harness) -> None:
    assert harness("list").exit_code == ExitCode.ATTENTION
    harness("apply")
    assert harness("list").exit_code == 0
    del harness.cluster.secrets["processing", "minio-secrets"]
    result = harness("list", "--format", "json")
    assert result.exit_code == ExitCode.ATTENTION
    stale = {row["name"]: row["stale"] for row in json.loads(result.output) if row["stale"]}
    assert stale == {"minio-spark": ["processing/minio-secrets"]}


def test_no_context_is_assumed(cluster: Any) -> None:
    result = CliRunner().invoke(app, ["apply", "--kubeconfig", str(cluster.kubeconfig)])
    assert result.exit_code == 2
    assert cluster.requests == []


def test_an_unknown_context_is_refused_with_the_known_ones(harness: Harness) -> None:
    assert "elsewhere, here" in harness.fails("apply", context="production")
    assert harness.cluster.requests == []


def test_a_cluster_that_does_not_answer_is_a_sentence(harness: Harness) -> None:
    assert "is the cluster running?" in harness.fails("list", context="elsewhere")


def test_missing_rights_are_a_sentence(harness: Harness) -> None:
    harness.cluster.forbidden = True
    assert "403" in harness.fails("apply")


def test_a_missing_kubeconfig_is_a_sentence(cluster: Any) -> None:
    missing = str(cluster.kubeconfig) + ".none"
    result = CliRunner().invoke(app, ["list", "--context", "here", "--kubeconfig", missing])
    assert isinstance(result.exception, HarnessError)
    assert "--kubeconfig" in str(result.exception)
