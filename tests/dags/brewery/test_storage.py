"""The lakehouse's files on a local disk, and what errors of any file system become."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)
from fsspec.implementations.memory import MemoryFileSystem

from brewery.errors import (
    SettingsError,
    StorageDeniedError,
    StorageError,
    StorageFullError,
    StorageMissingError,
    StorageUnavailableError,
)
from brewery.storage import Storage
from tests.dags.brewery.conftest import Lake

NOBODY = 65534


def test_a_file_is_written_read_listed_and_deleted(lake: Lake) -> None:
    root = lake.storage.layout.root
    lake.storage.write(f"{root}/a/b/one.txt", b"1")
    lake.storage.write(f"{root}/a/two.txt", b"two")
    assert (lake.root / "a/b/one.txt").read_bytes() == b"1"
    assert lake.storage.read(f"{root}/a/two.txt") == b"two"
    assert [(e.name, e.is_folder, e.size) for e in lake.storage.list_folder(f"{root}/a")] == [
        ("b", True, 0),
        ("two.txt", False, 3),
    ]
    lake.storage.delete(f"{root}/a/b")
    assert not (lake.root / "a/b").exists()
    lake.storage.delete(f"{root}/a/b")
    assert lake.storage.list_folder(f"{root}/a/b") == []


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = f"{lake.storage.layout.root}/file"
    lake.storage.write(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises(StorageUnavailableError, match="Could not write"):
            lake.storage.write(path, b"new")
    assert {p.name: p.read_bytes() for p in lake.root.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("/data/lake/", "/data/lake"),
        ("file:///data/lake", "/data/lake"),
        ("s3://lakehouse", "s3://lakehouse"),
        ("s3a://lakehouse/prefix/", "s3://lakehouse/prefix"),
        ("s3://minio@lakehouse/prefix", "s3://lakehouse/prefix"),
    ],
)
def test_addresses_of_one_lakehouse_mean_the_same(uri: str, root: str) -> None:
    assert Storage(MemoryFileSystem(), uri).layout.root == root


def test_a_relative_folder_is_below_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Storage.for_uri("lake").layout.root == f"{tmp_path}/lake"


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3:///prefix", "http://host/x"])
def test_another_kind_of_address_is_refused(uri: str) -> None:
    with pytest.raises(SettingsError, match="lakehouse address"):
        Storage.for_uri(uri)


def test_a_path_outside_the_lakehouse_is_a_mistake_of_the_caller(lake: Lake) -> None:
    with pytest.raises(ValueError, match="is not below"):
        lake.storage.write("/elsewhere/file", b"")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no small disk ({mount.stderr.strip()}): run as root where mounting is allowed")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(small_disk: Path) -> None:
    storage = Storage.for_uri(str(small_disk))
    storage.write(f"{small_disk}/small", b"x" * 1024)
    with pytest.raises(StorageFullError, match=r"Could not write .*/large: the disk is full; free some") as error:
        storage.write(f"{small_disk}/large", os.urandom(200 * 1024))
    assert not error.value.retryable
    assert [path.name for path in small_disk.iterdir()] == ["small"]


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that the current user may not write to, root included: root becomes nobody for the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_lakehouse_that_is_not_writable_is_one_sentence(read_only_folder: Path) -> None:
    storage = Storage.for_uri(str(read_only_folder))
    with pytest.raises(StorageDeniedError, match="this user lacks the permission") as error:
        storage.write(f"{storage.layout.root}/bronze/file", b"")
    assert not error.value.retryable


def test_a_lakehouse_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    storage = Storage.for_uri(str(tmp_path / "file" / "lake"))
    with pytest.raises(StorageDeniedError, match="is a file and not a folder"):
        storage.write(f"{storage.layout.root}/x", b"")


def test_a_file_that_is_not_there_is_one_sentence(lake: Lake) -> None:
    with pytest.raises(StorageMissingError, match="does not exist"):
        lake.storage.read(f"{lake.storage.layout.root}/nothing")


def from_s3(code: str, error: OSError) -> OSError:
    """As s3fs raises it: an OSError that botocore's own error is the cause of."""
    error.__cause__ = ClientError({"Error": {"Code": code, "Message": code}}, "PutObject")
    return error


@pytest.mark.parametrize(
    ("raised", "kind", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageFullError, "disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StorageFullError, "disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), StorageDeniedError, "lacks the permission"),
        (from_s3("XMinioStorageFull", OSError(errno.EIO, "full")), StorageFullError, "disk is full"),
        (from_s3("AccessDenied", PermissionError("Access Denied")), StorageDeniedError, "check the access key"),
        (from_s3("SignatureDoesNotMatch", PermissionError("no")), StorageDeniedError, "check the access key"),
        (
            from_s3("NoSuchBucket", FileNotFoundError("no")),
            StorageMissingError,
            "bucket does not exist",
        ),
        (from_s3("SlowDown", OSError(errno.EBUSY, "slow down")), StorageUnavailableError, "slow down"),
        (NoCredentialsError(), StorageDeniedError, "no credentials"),
        (EndpointConnectionError(endpoint_url="http://minio:9000"), StorageUnavailableError, "http://minio:9000"),
        (TimeoutError(), StorageUnavailableError, "TimeoutError"),
    ],
)
def test_what_a_file_system_raises_becomes_one_sentence(
    raised: Exception, kind: type[StorageError], sentence: str
) -> None:
    class Failing(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
        cachable = False

        def pipe_file(self, *_: Any, **__: Any) -> None:
            raise raised

    storage = Storage(Failing(), "s3://lakehouse")
    with pytest.raises(kind, match=sentence) as error:
        storage.write("s3://lakehouse/file", b"")
    assert "s3://lakehouse/file" in str(error.value)
    assert str(error.value).endswith(".")


def test_a_defect_of_the_code_is_not_taken_for_one_of_the_storage() -> None:
    class Broken(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
        cachable = False

        def pipe_file(self, *_: Any, **__: Any) -> None:
            raise TypeError("a defect")

    with pytest.raises(TypeError, match="a defect"):
        Storage(Broken(), "s3://lakehouse").write("s3://lakehouse/file", b"")
