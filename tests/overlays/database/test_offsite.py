"""The backups in another store: the component is complete, and what it ships only the key's holder can read."""

import json
import subprocess
from pathlib import Path

import pytest

from harness.validate.check import validate
from harness.validate.output import text

COMPONENT = Path("components/offsite-backup")


@pytest.mark.tools
def test_the_validation_finds_nothing_where_it_is_switched_on(tree: Path) -> None:
    for environment in ("eks", "minikube"):
        for namespace in ("database", "deepstorage"):
            file = tree / "overlays" / environment / namespace / "kustomization.yaml"
            before = file.read_text(encoding="utf-8")
            line = f"  - ../../../{COMPONENT}/{namespace}\n"
            file.write_text(before.replace("components:\n", f"components:\n{line}", 1), encoding="utf-8")
    report = validate(tree, ["eks", "minikube"])
    assert not report.findings, text(report)


@pytest.fixture
def folder(tmp_path: Path, repo: Path) -> Path:
    """The script with a dump, and with folders of the test's own in place of the pod's."""
    for name in ("backup", "secret"):
        (tmp_path / name).mkdir()
    script = (repo / COMPONENT / "database" / "encrypt.sh").read_text(encoding="utf-8")
    script = script.replace("/run/secrets/offsite", str(tmp_path / "secret"))
    (tmp_path / "encrypt.sh").write_text(script.replace("/backup/", f"{tmp_path}/backup/"), encoding="utf-8")
    (tmp_path / "backup" / "airflow.dump").write_bytes(b"PGDMP" + bytes(range(256)) * 1000)
    return tmp_path


@pytest.fixture
def private(folder: Path) -> Path:
    """The private key of the certificate that the script is given."""
    key = folder / "private.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "1", "-subj", "/CN=test"]
    files = ["-keyout", str(key), "-out", str(folder / "secret" / "certificate")]
    subprocess.run([*request, *files], check=True, capture_output=True)
    return key


def encrypt(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", folder / "encrypt.sh"], capture_output=True, text=True, check=False)


def decrypt(folder: Path, key: Path) -> "subprocess.CompletedProcess[bytes]":
    """As components/offsite-backup/README.md says."""
    words = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", str(key)]
    options = ["-recip", str(folder / "secret" / "certificate"), "-in", str(folder / "backup" / "airflow.dump.cms")]
    return subprocess.run([*words, *options], capture_output=True, check=False)


def test_only_the_key_opens_a_dump_and_nothing_else_is_left(folder: Path, private: Path) -> None:
    before = (folder / "backup" / "airflow.dump").read_bytes()
    done = encrypt(folder)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (folder / "backup").iterdir()] == ["airflow.dump.cms"]
    assert b"PGDMP" not in (folder / "backup" / "airflow.dump.cms").read_bytes()
    assert decrypt(folder, private).stdout == before


def test_a_dump_that_was_changed_does_not_open(folder: Path, private: Path) -> None:
    assert encrypt(folder).returncode == 0
    file = folder / "backup" / "airflow.dump.cms"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert decrypt(folder, private).returncode != 0


def test_without_a_certificate_nothing_is_shipped(folder: Path) -> None:
    done = encrypt(folder)
    assert done.returncode == 1
    assert done.stderr == (
        "The Secret database/offsite-backup has no certificate: create it as "
        "components/offsite-backup/README.md says.\n"
    )


@pytest.mark.parametrize(
    ("namespace", "actions"),
    [
        ("database", {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}),
        (
            "deepstorage",
            {
                *("s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
                *("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
            },
        ),
    ],
)
def test_no_user_may_delete_an_older_version(repo: Path, namespace: str, actions: set[str]) -> None:
    policy = json.loads((repo / COMPONENT / f"{namespace}-policy.json").read_text(encoding="utf-8"))
    assert {action for statement in policy["Statement"] for action in statement["Action"]} == actions
