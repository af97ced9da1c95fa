"""The lakehouse's files: one small interface over a local folder and an S3 bucket.

Writes are atomic: on a local file system the data goes to a file beside the target, is flushed to the disk and
renamed; on S3 it is a single PUT. Exceptions of the file system become one sentence.
"""

import datetime as dt
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from brewery.contract.errors import ACCESS_REFUSED, DISK_FULL, NO_BUCKET, NO_PERMISSION, Cause
from brewery.contract.layout import Layout
from brewery.errors import (
    SettingsError,
    StorageDeniedError,
    StorageError,
    StorageFullError,
    StorageMissingError,
    StorageUnavailableError,
)

_S3_SCHEMES: Final = ("s3", "s3a")
_NOT_A_FOLDER: Final = frozenset({errno.ENOTDIR, errno.EEXIST, errno.EISDIR})
_ERRORS: Final[Mapping[Cause, type[StorageError]]] = {
    DISK_FULL: StorageFullError,
    ACCESS_REFUSED: StorageDeniedError,
    NO_PERMISSION: StorageDeniedError,
    NO_BUCKET: StorageMissingError,
}


@dataclass(frozen=True)
class Entry:
    """A file or folder in a folder.

    Attributes:
        name: Last part of its path.
        is_folder: Whether it is a folder (on S3: a common prefix).
        size: Bytes; 0 for a folder.
        modified: When it was last written, UTC; None if the storage does not say (S3 prefixes).
    """

    name: str
    is_folder: bool
    size: int
    modified: dt.datetime | None


class Storage:
    """A lakehouse root on some file system.

    Attributes:
        layout: Where everything lies; its paths are what the methods here take.
        fs: The fsspec file system underneath.
    """

    def __init__(self, fs: Any, uri: str) -> None:
        """Use an open file system, such as `ObjectStoragePath("s3://conn@lakehouse").fs` in Airflow.

        Args:
            fs: fsspec file system that `uri` lies on.
            uri: Root of the lakehouse: a folder, `file://…`, `s3://…` or `s3a://…`; an Airflow connection id
                before an `@` is ignored.

        Raises:
            SettingsError: Another kind of address.
        """
        self.fs = fs
        self._local = isinstance(fs, LocalFileSystem)
        root, self._root_path = _normalise(uri)
        self.layout = Layout(root)

    @classmethod
    def for_uri(cls, uri: str) -> "Storage":
        """Open the lakehouse at an address; S3's endpoint and credentials come from the usual AWS_* variables.

        Raises:
            SettingsError: Neither a folder nor an S3 bucket.
        """
        root, _ = _normalise(uri)
        return cls(fsspec.filesystem("s3" if root.startswith("s3://") else "file"), uri)

    def write(self, path: str, data: bytes) -> None:
        """Write or replace a file atomically; folders are created as needed.

        Raises:
            StorageError: It could not be written; no part of it is left.
        """
        target = self._fs_path(path)
        with self._explained("write", path):
            if self._local:
                _write_local(Path(target), data)
            else:
                self.fs.pipe_file(target, data)

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that does not exist yet; of several writers at the same time, one succeeds.

        Returns:
            False if the file exists.

        Raises:
            StorageError: It could not be written.
        """
        target = self._fs_path(path)
        with self._explained("create", path):
            try:
                if self._local:
                    Path(target).parent.mkdir(parents=True, exist_ok=True)
                    with Path(target).open("xb") as file:
                        file.write(data)
                else:
                    self.fs.pipe_file(target, data, mode="create")
            except OSError as error:
                if isinstance(error, FileExistsError) or _s3_code(error) == "PreconditionFailed":
                    return False
                raise
        return True

    def read(self, path: str) -> bytes:
        """A file's content.

        Raises:
            StorageMissingError: It does not exist.
            StorageError: It could not be read.
        """
        with self._explained("read", path):
            content: bytes = self.fs.cat_file(self._fs_path(path))
            return content

    def list_folder(self, path: str) -> list[Entry]:
        """The contents of a folder, sorted by name; nothing if the folder does not exist.

        Raises:
            StorageError: It could not be listed.
        """
        folder = self._fs_path(path)
        with self._explained("list", path):
            # Another process may have written since: a cached listing would hide it.
            self.fs.invalidate_cache()
            try:
                infos = self.fs.ls(folder, detail=True)
            except FileNotFoundError as error:
                if _s3_code(error) == "NoSuchBucket":
                    raise
                return []
        entries = [_entry(info) for info in infos if info["name"].rstrip("/") != folder]
        return sorted(entries, key=lambda entry: entry.name)

    def delete(self, path: str) -> None:
        """Remove a folder and its contents, if it exists.

        Raises:
            StorageError: It could not be removed.
        """
        with self._explained("delete", path):
            self.fs.invalidate_cache()
            try:
                self.fs.rm(self._fs_path(path), recursive=True)
            except FileNotFoundError as error:
                if _s3_code(error) == "NoSuchBucket":
                    raise

    def _fs_path(self, path: str) -> str:
        if path != self.layout.root and not path.startswith(f"{self.layout.root}/"):
            raise ValueError(f"{path} is not below {self.layout.root}")
        return self._root_path + path[len(self.layout.root) :]

    @contextmanager
    def _explained(self, verb: str, path: str) -> Iterator[None]:
        """Turns exceptions of a file system into one sentence."""
        try:
            yield
        # botocore's errors have no base in common with OSError, and are not importable where only a local
        # folder is used.
        except Exception as error:
            explained = _explain(error, verb, path, self._local)
            if explained is None:
                raise
            raise explained from error


def _normalise(uri: str) -> tuple[str, str]:
    """The root for the layout, and as the file system's own path."""
    parts = urlsplit(uri)
    if parts.scheme in _S3_SCHEMES:
        bucket = parts.netloc.rpartition("@")[2]
        if not bucket:
            raise SettingsError(f"The lakehouse address {uri!r} names no bucket: write s3://bucket/prefix.")
        path = f"{bucket}{parts.path}".rstrip("/")
        return f"s3://{path}", path
    if parts.scheme in ("", "file"):
        folder = str(Path(parts.path if parts.scheme else uri).expanduser().absolute())
        return folder, folder
    raise SettingsError(f"The lakehouse address {uri!r} is not supported: use a folder or s3://bucket/prefix.")


def _write_local(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # The leading dot hides a leftover from Spark; the random part keeps two writers apart.
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    # Without this the rename itself may be lost in a power cut, and a manifest could outlive its pages.
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entry(info: dict[str, Any]) -> Entry:
    is_folder = info["type"] == "directory"
    modified = info.get("LastModified")
    if modified is None and "mtime" in info:
        modified = dt.datetime.fromtimestamp(info["mtime"], tz=dt.UTC)
    return Entry(
        name=info["name"].rstrip("/").rpartition("/")[2],
        is_folder=is_folder,
        size=0 if is_folder else int(info["size"]),
        modified=modified,
    )


def _s3_code(error: BaseException) -> str:
    """S3's own error code, from botocore's error or the one with which s3fs replaced it."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        cause = cause.__cause__
    return ""


def _explain(error: Exception, verb: str, path: str, local: bool) -> StorageError | None:
    """The sentence for an error, or None for one that is not the storage's."""
    code = _s3_code(error)
    number = error.errno if isinstance(error, OSError) else None
    kind = type(error).__name__
    for cause, error_type in _ERRORS.items():
        if number in cause.errnos or code in cause.s3_codes or cause.explains(kind):
            detail = code or "no credentials" if cause is ACCESS_REFUSED else ""
            return error_type(cause.sentence(f"{verb} {path}", detail))
    if isinstance(error, PermissionError):
        return StorageDeniedError(NO_PERMISSION.sentence(f"{verb} {path}"))
    if isinstance(error, FileNotFoundError):
        return StorageMissingError(f"{path} does not exist: check whether something removed it.")
    if number in _NOT_A_FOLDER:
        return StorageDeniedError(
            f"Could not {verb} {path}: a part of the path is a file and not a folder; choose another lakehouse."
        )
    if isinstance(error, OSError) or type(error).__module__.startswith(("botocore", "aiobotocore", "aiohttp")):
        where = "the disk" if local else "S3"
        detail = " ".join(str(error).split()) or kind
        return StorageUnavailableError(
            f"Could not {verb} {path} ({detail.rstrip('.')}): check {where}, then run it again."
        )
    return None
