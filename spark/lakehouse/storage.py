"""Files of the lakehouse through Hadoop's file systems: the same for a folder and for an object store."""

from typing import Any

from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.errors import explained


def spark_layout(layout: Layout) -> Layout:
    """The layout with the scheme that Hadoop uses for S3 (`s3a`), whatever Airflow calls it.

    >>> spark_layout(Layout("s3://lakehouse")).root
    's3a://lakehouse'
    """
    return Layout(f"s3a://{layout.root.removeprefix('s3://')}") if layout.root.startswith("s3://") else layout


class Files:
    """Small files and folders of one lakehouse."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        """Finds the file system.

        Args:
            spark: Session whose Hadoop configuration applies.
            root: URI or path anywhere in the lakehouse.

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
        """Whether there is a file or folder."""
        with explained(f"look at {path}"):
            return bool(self._fs.exists(self._path(path)))

    def folders(self, path: str) -> list[str]:
        """Names of the folders within a folder, sorted; none where the folder does not exist."""
        if not self.exists(path):
            return []
        with explained(f"list {path}"):
            return sorted(s.getPath().getName() for s in self._fs.listStatus(self._path(path)) if s.isDirectory())

    def names(self, path: str) -> list[str]:
        """Names of all that is in a folder."""
        with explained(f"list {path}"):
            return [status.getPath().getName() for status in self._fs.listStatus(self._path(path))]

    def read_text(self, path: str) -> str:
        """The whole of a UTF-8 file."""
        with explained(f"read {path}"):
            stream = self._fs.open(self._path(path))
            try:
                return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
            finally:
                stream.close()

    def write_text(self, path: str, text: str) -> None:
        """Write a UTF-8 file whole: aside first, then renamed to its name."""
        aside = f"{path}.part"
        with explained(f"write {path}"):
            stream = self._fs.create(self._path(aside), True)
            stream.write(bytearray(text.encode()))
            stream.close()
            self._fs.delete(self._path(path), False)
            self._fs.rename(self._path(aside), self._path(path))

    def delete(self, path: str) -> None:
        """Delete a file or a folder with all that it holds; nothing happens where there is none."""
        with explained(f"delete {path}"):
            self._fs.delete(self._path(path), True)
