"""The address of a lakehouse as its user writes it: a folder, or `s3://bucket/prefix`."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from harness.errors import UsageError
from harness.paths import RUN_DIR

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Without the underscores of old buckets, which are no host name and which Hadoop therefore cannot open."""


@dataclass(frozen=True)
class Address:
    """Where a lakehouse is; the same one has the same `root`, however its user wrote it.

    Attributes:
        root: Absolute path of the folder, or `s3://bucket/prefix`.
    """

    root: str

    @property
    def folder(self) -> Path | None:
        """The folder; None in an object store."""
        return None if self.root.startswith("s3://") else Path(self.root)

    def near(self, name: str) -> Path:
        """A file or folder on this machine that belongs to this lakehouse and to no other.

        It is beside the lakehouse's folder, under its plain name if that is `lakehouse`, as by default.
        For a lakehouse in an object store it is in `.run`.
        """
        if folder := self.folder:
            return folder.with_name(name if folder.name == "lakehouse" else f"{folder.name}-{name}")
        # Two stores may have a bucket of the same name.
        store = os.environ.get("AWS_ENDPOINT_URL_S3", "")
        digest = hashlib.sha256(f"{store} {self.root}".encode()).hexdigest()[:8]
        return RUN_DIR / f"{re.sub('[:/]+', '-', self.root)}-{digest}" / name

    def __str__(self) -> str:
        return self.root


def read_address(text: str) -> Address:
    """The address in a text.

    Raises:
        UsageError: It is none that the pipeline can use.
    """
    scheme = _SCHEME.match(text)
    match scheme[1].lower() if scheme else "":
        case "":
            if not text.strip():
                raise UsageError("The lakehouse has no name: give a folder or s3://bucket/prefix with --lakehouse.")
            return Address(str(Path(text).expanduser().resolve()))
        case "file":
            parts = urlsplit(text)
            if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
                raise UsageError(f"{text!r} names no folder of this machine: write file:///folder or the folder.")
            return Address(str(Path(unquote(parts.path)).resolve()))
        case "s3" | "s3a" | "s3n":
            return Address(f"s3://{_key(text, text[len(scheme[0]) :] if scheme else '')}")
        case other:
            raise UsageError(
                f"The pipeline cannot use {other}: as a lakehouse: name a folder (with ./ in front if it has a "
                "colon) or s3://bucket/prefix."
            )


def _key(text: str, rest: str) -> str:
    """`bucket/prefix` without empty parts, which Hadoop and S3 count differently."""
    if not rest.startswith("//") or rest.startswith("///"):
        raise UsageError(f"{text!r} names no bucket: write s3://bucket/prefix.")
    bucket, *parts = rest[2:].split("/")
    if "@" in bucket:
        raise UsageError(
            "The lakehouse's address has a user in it: give the access key as AWS_ACCESS_KEY_ID instead."
        )
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(f"{bucket!r} is not the name of a bucket: write s3://bucket/prefix.")
    parts = [part for part in parts if part not in ("", ".")]
    if odd := next((part for part in parts if part == ".." or re.search(r"[?#%:\\]|[^ -~]", part)), None):
        raise UsageError(
            f"{odd!r} cannot be part of a prefix: write s3://bucket/prefix with letters, digits, - and _."
        )
    return "/".join([bucket, *parts])
