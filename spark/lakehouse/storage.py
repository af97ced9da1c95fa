"""A lakehouse as Spark sees it, and its files through Hadoop's file systems: a folder or an object store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from brewery.contract.claims import CLAIM, newest
from brewery.contract.layout import Layout
from lakehouse.definitions import Table
from lakehouse.errors import TransientError, explained


def spark_layout(layout: Layout) -> Layout:
    """The layout with the scheme that Hadoop uses for S3 (`s3a`), whatever Airflow calls it.

    >>> spark_layout(Layout("s3://lakehouse")).root
    's3a://lakehouse'
    """
    return Layout(f"s3a://{layout.root.removeprefix('s3://')}") if layout.root.startswith("s3://") else layout


class Files:
    """Small files and folders of one lakehouse."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        """Find the file system of a URI or path, with the session's Hadoop configuration.

        Raises:
            LakehouseError: There is no file system for the URI's scheme, or it refuses the credentials.
        """
        self._jvm: Any = spark._jvm
        with explained(f"open {root}"):
            context: Any = spark.sparkContext
            self._fs = self._path(root).getFileSystem(context._jsc.hadoopConfiguration())

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def exists(self, path: str) -> bool:
        with explained(f"look at {path}"):
            return bool(self._fs.exists(self._path(path)))

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted; none if the folder does not exist."""
        if not self.exists(path):
            return []
        with explained(f"list {path}"):
            return sorted(s.getPath().getName() for s in self._fs.listStatus(self._path(path)) if s.isDirectory())

    def names(self, path: str) -> list[str]:
        with explained(f"list {path}"):
            return [status.getPath().getName() for status in self._fs.listStatus(self._path(path))]

    def count(self, path: str) -> int:
        """How many files a folder and those below it have; none if it does not exist."""
        if not self.exists(path):
            return 0
        with explained(f"list {path}"):
            return int(self._fs.getContentSummary(self._path(path)).getFileCount())

    def read_text(self, path: str) -> str:
        with explained(f"read {path}"):
            stream = self._fs.open(self._path(path))
            try:
                return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
            finally:
                stream.close()

    def write_text(self, path: str, text: str) -> None:
        """Write a UTF-8 file under a temporary name, then rename it."""
        aside = f"{path}.part"
        with explained(f"write {path}"):
            stream = self._fs.create(self._path(aside), True)
            stream.write(bytearray(text.encode()))
            stream.close()
            self._fs.delete(self._path(path), False)
            self._fs.rename(self._path(aside), self._path(path))

    def delete(self, path: str) -> None:
        """Delete a file or a folder with its contents, if it exists."""
        with explained(f"delete {path}"):
            self._fs.delete(self._path(path), True)


@dataclass(frozen=True)
class Lakehouse:
    """An open lakehouse.

    Attributes:
        spark: Session.
        layout: Paths, with the scheme that Hadoop uses.
        files: The lakehouse's file system.
        claim: The claim under which this job writes; None where nobody takes claims.
    """

    spark: SparkSession
    layout: Layout
    files: Files
    claim: int | None = None

    @classmethod
    def open(cls, spark: SparkSession, layout: Layout) -> "Lakehouse":
        """Find the lakehouse's file system.

        Raises:
            LakehouseError: There is no file system for the URI's scheme, or it refuses the credentials.
        """
        layout = spark_layout(layout)
        claim = os.environ.get(CLAIM)
        return cls(spark, layout, Files(spark, layout.root), int(claim) if claim else None)

    def require_claim(self, doing: str) -> None:
        """Before each commit, as Delta's own check sees what another job has committed, not that one has started.

        Args:
            doing: As for `explained`.

        Raises:
            TransientError: Another attempt has taken a newer claim.
        """
        if self.claim is not None and self.claim != (held := newest(self.files.names(self.layout.claims))):
            raise TransientError(
                f"Could not {doing}: another attempt has taken over this lakehouse (claim {held} instead of "
                f"{self.claim}); this one ends, and the newest continues."
            )

    @contextmanager
    def writing(self, doing: str) -> Iterator[None]:
        """`require_claim`, then `explained`, for the block of one commit."""
        self.require_claim(doing)
        with explained(doing):
            yield

    def write_text(self, path: str, text: str) -> None:
        """Write a UTF-8 file, under the newest claim only."""
        self.require_claim(f"write {path}")
        self.files.write_text(path, text)

    def path(self, table: Table) -> str:
        return f"{self.layout.root}/{table.name}"

    def read(self, table: Table) -> DataFrame:
        """The newest version of a Delta table."""
        return self.spark.read.format("delta").load(self.path(table))

    def read_version(self, table: Table, version: int) -> DataFrame:
        return self.spark.read.format("delta").option("versionAsOf", str(version)).load(self.path(table))
