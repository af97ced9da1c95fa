"""The catalogue of secrets: the real one is sound, and a broken one is refused with its place."""

from pathlib import Path

import pytest
import yaml

from harness.errors import HarnessError
from harness.manifests.catalogue import Catalogue, NamespacedName, read

ANNOTATIONS = {"allowed": "a", "allowed_namespaces": "b", "reflects": "c"}


def written(tmp_path: Path, *secrets: object) -> Path:
    file = tmp_path / "catalogue.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "reflector": ANNOTATIONS, "secrets": list(secrets)}))
    return file


def secret(**fields: object) -> dict[str, object]:
    return {"name": "s", "namespace": "n", "keys": {"k": {"kind": "fernet"}}, **fields}


@pytest.fixture(scope="module")
def real() -> Catalogue:
    return read()


def test_the_sources_secrets_are_where_it_says(real: Catalogue) -> None:
    assert {NamespacedName("deepstorage", "minio-secrets"), NamespacedName("database", "postgres-secrets")} <= {
        item.place for item in real.secrets
    }


def test_copies_reach_processing_jupyter_and_orchestrator(real: Catalogue) -> None:
    assert {"processing", "jupyter", "orchestrator"} <= {
        mirror.namespace for item in real.secrets for mirror in item.mirrors
    }


def test_the_root_account_of_the_object_store_is_copied_nowhere(real: Catalogue) -> None:
    assert real.named("deepstorage/minio-secrets").mirrors == ()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (secret(keys={"k": {"kind": "password"}}), "k of n/s is of kind 'password'"),
        (secret(keys={"k": {"kind": "alphanumeric", "length": 8}}), "length of 8"),
        (secret(keys={"k": {"kind": "constant"}}), "must have exactly: kind, value"),
        (secret(keys={"k": {"kind": "fernet", "value": "x"}}), "must have exactly: kind"),
        (secret(keys={"a key": {"kind": "fernet"}}), "'a key'"),
        (secret(keys={}), "n/s has no keys"),
        (secret(namespace=None), "no valid namespace"),
        (secret(name="Upper"), "no valid name"),
        (secret(mirrors=[{"namespace": "n", "name": "s"}]), "n/s is there twice"),
        (secret(colour="red"), "unknown field 'colour'"),
        ("text", "not a mapping"),
    ],
)
def test_a_broken_entry_is_refused_by_name(tmp_path: Path, broken: object, says: str) -> None:
    with pytest.raises(HarnessError, match=says.replace("(", r"\(")):
        read(written(tmp_path, broken))


@pytest.mark.parametrize("content", ["", "- a", "version: 2", "version: 1\nreflector: {}", "a: [", "\x00"])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(content)
    with pytest.raises(HarnessError, match=r"catalogue\.yaml"):
        read(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no catalogue of secrets"):
        read(tmp_path / "none.yaml")


def test_a_name_in_two_namespaces_must_be_qualified(tmp_path: Path) -> None:
    catalogue = read(written(tmp_path, secret(), secret(namespace="m")))
    with pytest.raises(HarnessError, match="n/s or m/s"):
        catalogue.named("s")
    assert catalogue.named("m/s").place == NamespacedName("m", "s")
    with pytest.raises(HarnessError, match="no secret 'x'"):
        catalogue.named("x")
