"""Bronze as Spark reads it: the runs that count, whether their files match the manifest, and their lines."""

import datetime as dt
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from brewery.contract.layout import page_file
from brewery.contract.manifest import Manifest, ManifestError
from brewery.contract.runs import date_of_folder, newest_first, parse_manifest, run_ids
from lakehouse.errors import LakehouseError, explained
from lakehouse.storage import Lakehouse


def committed_runs(lakehouse: Lakehouse, applied: Mapping[dt.date, str]) -> dict[dt.date, Manifest | None]:
    """The run that counts for each date.

    A date whose only run is the one that silver already holds costs no reading: bronze grows by a day each day.

    Args:
        lakehouse: The lakehouse.
        applied: Date -> the run that silver holds.

    Returns:
        Date -> its manifest, or None if the run that counts is the applied one; in order of the dates.

    Raises:
        LakehouseError: A manifest is invalid.
    """
    files, layout = lakehouse.files, lakehouse.layout
    runs: dict[dt.date, Manifest | None] = {}
    for name in files.folders(layout.bronze):
        date = date_of_folder(name)
        if date is None:
            continue
        ids = run_ids(files.folders(layout.bronze_date(date)))
        if ids == [applied.get(date)]:
            runs[date] = None
            continue
        manifests = (_read_if_committed(lakehouse, date, run_id) for run_id in ids)
        for newest in newest_first(manifest for manifest in manifests if manifest)[:1]:
            runs[date] = None if newest.run_id == applied.get(date) else newest
    return runs


def read_manifest(lakehouse: Lakehouse, date: dt.date, run_id: str) -> Manifest:
    """The manifest of a run that is known to be committed.

    Raises:
        LakehouseError: It is missing or invalid.
    """
    manifest = _read_if_committed(lakehouse, date, run_id)
    if manifest is None:
        raise LakehouseError(
            f"The manifest of bronze run {run_id} of {date.isoformat()} no longer exists: ingest that date again."
        )
    return manifest


def _read_if_committed(lakehouse: Lakehouse, date: dt.date, run_id: str) -> Manifest | None:
    path = lakehouse.layout.manifest(date, run_id)
    if not lakehouse.files.exists(path):
        return None
    try:
        return parse_manifest(lakehouse.files.read_text(path), path, date, run_id)
    except ManifestError as error:
        raise LakehouseError(str(error)) from error


def verify(lakehouse: Lakehouse, manifest: Manifest) -> None:
    """Compare the size and SHA-256 of each file with the manifest, in Spark's tasks rather than in the driver.

    Raises:
        LakehouseError: A file is missing or differs from the manifest; the sentence names the first ones.
    """
    folder = lakehouse.layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    with explained(f"read the files of {folder}"):
        rows = (
            lakehouse.spark.read.format("binaryFile")
            .option("pathGlobFilter", _pages_glob(manifest))
            .load(folder)
            .select(
                sf.element_at(sf.split("path", "/"), -1).alias("name"),
                "length",
                sf.sha2("content", 256).alias("sha256"),
            )
            .collect()
        )
    files = {row["name"]: (row["length"], row["sha256"]) for row in rows}
    faults = [
        f"{file.name} is {'missing' if file.name not in files else 'not what was written'}"
        for file in manifest.files
        if files.get(file.name) != (file.bytes, file.sha256)
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise LakehouseError(
            f"Bronze run {manifest.run_id} of {manifest.ingestion_date.isoformat()} is damaged "
            f"({', '.join(faults[:3])}{more}): ingest that date again, which replaces it."
        )


def read_lines(lakehouse: Lakehouse, manifest: Manifest) -> DataFrame:
    """The records of a run as they were received; files that the manifest does not name are ignored.

    Returns:
        `value` (JSON text), `source_file` (name within the run's folder), `position` (bigint: grows along the lines
        of a file, because one task reads a compressed file from its start).
    """
    folder = lakehouse.layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    with explained(f"read the files of {folder}"):
        return (
            lakehouse.spark.read.option("pathGlobFilter", _pages_glob(manifest))
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
    """Whether the manifest names a page file; two cheap comparisons, because every line needs them."""
    last = page_file(manifest.pages)
    size = sf.octet_length(source_file)
    # A page of more digits has a longer name.
    return (size < len(last)) | ((size == len(last)) & (source_file <= last))


def page_of(source_file: Column) -> Column:
    """The page that a bronze file holds, from its name (see `layout.page_file`); bigint."""
    return sf.substring_index(sf.substring_index(source_file, ".", 1), "-", -1).cast("bigint")
