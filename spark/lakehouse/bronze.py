"""Bronze as Spark reads it: which runs count, whether their files are what the manifest says, and their lines."""

import datetime as dt
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from brewery.contract.layout import Layout, page_file
from brewery.contract.manifest import Manifest, ManifestError
from lakehouse.errors import LakehouseError, explained
from lakehouse.storage import Files

_DATE = "ingestion_date="
_RUN = "run_id="


def committed_runs(files: Files, layout: Layout, applied: Mapping[dt.date, str]) -> dict[dt.date, Manifest | None]:
    """The run that counts for each date: the newest that has a manifest.

    A date whose only run is the one that silver holds already costs no reading: bronze grows by a day each day.

    Args:
        files: The lakehouse's file system.
        layout: Paths.
        applied: Date -> the run that silver holds.

    Returns:
        Date -> its manifest, or None where the run that counts is the applied one; in order of the dates.

    Raises:
        LakehouseError: A manifest is corrupt, foreign or another run's. Passing it over could bring an older state
            back without anybody noticing.
    """
    runs: dict[dt.date, Manifest | None] = {}
    for name in files.folders(layout.bronze):
        date = _date(name)
        if date is None:
            continue
        ids = [run.removeprefix(_RUN) for run in files.folders(layout.bronze_date(date)) if run.startswith(_RUN)]
        if ids == [applied.get(date)]:
            runs[date] = None
            continue
        manifests = [m for m in (_read_if_committed(files, layout, date, run_id) for run_id in ids) if m]
        if manifests:
            newest = max(manifests, key=lambda m: (m.finished_at, m.run_id))
            runs[date] = None if newest.run_id == applied.get(date) else newest
    return runs


def read_manifest(files: Files, layout: Layout, date: dt.date, run_id: str) -> Manifest:
    """The manifest of a run that is known to be committed.

    Raises:
        LakehouseError: It is not there, corrupt, foreign or another run's.
    """
    manifest = _read_if_committed(files, layout, date, run_id)
    if manifest is None:
        raise LakehouseError(
            f"Bronze run {run_id} of {date.isoformat()} has no manifest any more: ingest that date again."
        )
    return manifest


def _read_if_committed(files: Files, layout: Layout, date: dt.date, run_id: str) -> Manifest | None:
    path = layout.manifest(date, run_id)
    if not files.exists(path):
        return None
    try:
        manifest = Manifest.from_json(files.read_text(path))
        if (manifest.ingestion_date, manifest.run_id) != (date, run_id):
            raise ManifestError(f"it is that of run {manifest.run_id} of {manifest.ingestion_date.isoformat()}")
        if any(file.name != page_file(file.page) for file in manifest.files):
            raise ManifestError("it names files that are not pages")
    except ManifestError as error:
        raise LakehouseError(
            f"{path} cannot be used ({error}): move that run's folder out of bronze, "
            f"then ingest {date.isoformat()} again."
        ) from error
    return manifest


def _date(folder: str) -> dt.date | None:
    if not folder.startswith(_DATE):
        return None
    try:
        return dt.date.fromisoformat(folder.removeprefix(_DATE))
    except ValueError:
        return None


def verify(spark: SparkSession, layout: Layout, manifest: Manifest) -> None:
    """Compare each file's size and SHA-256 with the manifest, in Spark's tasks rather than in the driver.

    Raises:
        LakehouseError: A file is missing or is not what the manifest says; the first ones are named.
    """
    folder = layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    with explained(f"read the files of {folder}"):
        rows = (
            spark.read.format("binaryFile")
            .option("pathGlobFilter", _pages_glob(manifest))
            .load(folder)
            .select(
                sf.element_at(sf.split("path", "/"), -1).alias("name"),
                "length",
                sf.sha2("content", 256).alias("sha256"),
            )
            .collect()
        )
    found = {row["name"]: (row["length"], row["sha256"]) for row in rows}
    faults = [
        f"{file.name} is {'missing' if file.name not in found else 'not what was written'}"
        for file in manifest.files
        if found.get(file.name) != (file.bytes, file.sha256)
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise LakehouseError(
            f"Bronze run {manifest.run_id} of {manifest.ingestion_date.isoformat()} is damaged "
            f"({', '.join(faults[:3])}{more}): ingest that date again, the new run replaces it."
        )


def read_lines(spark: SparkSession, layout: Layout, manifest: Manifest) -> DataFrame:
    """The records of a run as they were received; files that the manifest does not name are passed over.

    Returns:
        `value` (JSON text), `source_file` (name within the run's folder), `position` (bigint: grows along the lines
        of a file; a compressed file is read by one task from its start).
    """
    folder = layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    with explained(f"read the files of {folder}"):
        return (
            spark.read.option("pathGlobFilter", _pages_glob(manifest))
            .text(folder)
            .select("value", sf.col("_metadata.file_name").alias("source_file"))
            .where(_is_page(sf.col("source_file"), manifest))
            .select(
                "value",
                "source_file",
                sf.monotonically_increasing_id().alias("position"),
            )
        )


def _pages_glob(manifest: Manifest) -> str:
    """Hadoop's pattern for the names of page files, with as many digits as the run's pages need."""
    first, last = page_file(0), page_file(manifest.pages)
    zeros = [first.replace("0", "0" * more, 1) for more in range(1, len(last) - len(first) + 2)]
    return "{" + ",".join(name.replace("0", "[0-9]") for name in zeros) + "}"


def _is_page(source_file: Column, manifest: Manifest) -> Column:
    """Whether the manifest names a page file; two comparisons, as it is asked for every line."""
    last = page_file(manifest.pages)
    size = sf.octet_length(source_file)
    # A page of more digits has a longer name.
    return (size < len(last)) | ((size == len(last)) & (source_file <= last))


def page_of(source_file: Column) -> Column:
    """The page that a bronze file holds, from its name (see `layout.page_file`); bigint."""
    return sf.substring_index(sf.substring_index(source_file, ".", 1), "-", -1).cast("bigint")
