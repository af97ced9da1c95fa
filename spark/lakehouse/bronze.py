"""Bronze as Spark reads it: the runs that count, whether their files match the manifest, and their lines."""

import datetime as dt
import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import attrgetter
from typing import Final

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as sf

from brewery.contract.manifest import BronzePage, Manifest, ManifestError, missing_file
from brewery.contract.runs import date_of_folder, newest_first, parse_manifest, run_ids
from lakehouse.errors import LakehouseError, explained
from lakehouse.storage import Lakehouse

_PAGE_FILES: Final = "page-*.jsonl.gz"


def dates(lakehouse: Lakehouse) -> list[dt.date]:
    """Dates that have a folder in bronze, in order."""
    folders = lakehouse.files.folders(lakehouse.layout.bronze)
    return [date for name in folders if (date := date_of_folder(name))]


def committed_runs(lakehouse: Lakehouse, date: dt.date, known: AbstractSet[str] = frozenset()) -> list[str]:
    """The committed runs of a date, newest first.

    A single run that is known costs no reading: bronze grows by a day each day.

    Args:
        lakehouse: The lakehouse.
        date: The date.
        known: Runs that are known to be committed, because silver holds them or there is a decision on them.

    Raises:
        LakehouseError: A manifest is invalid.
    """
    ids = run_ids(lakehouse.files.folders(lakehouse.layout.bronze_date(date)))
    if len(ids) == 1 and ids[0] in known:
        return ids
    manifests = (_read_if_committed(lakehouse, date, run_id) for run_id in ids)
    return [manifest.run_id for manifest in newest_first(manifest for manifest in manifests if manifest)]


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
    """Compare the size and SHA-256 of each page with the manifest, in Spark's tasks rather than in the driver.

    Raises:
        LakehouseError: A page is missing or differs from the manifest; the sentence names the first ones.
    """
    folder = lakehouse.layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    pages = {name: list(group) for name, group in groupby(manifest.files, key=attrgetter("name"))}
    parts = sf.from_json(
        sf.lit(json.dumps({name: [[page.offset, page.bytes] for page in group] for name, group in pages.items()})),
        "map<string,array<array<int>>>",
    )
    with explained(f"read the files of {folder}"):
        rows = (
            lakehouse.spark.read.format("binaryFile")
            .option("pathGlobFilter", _PAGE_FILES)
            .load(folder)
            .select(sf.element_at(sf.split("path", "/"), -1).alias("name"), "length", "content")
            .select("name", "length", parts[sf.col("name")].alias("parts"), "content")
            .selectExpr(
                "name",
                "length",
                "transform(parts, part -> sha2(substring(content, part[0] + 1, part[1]), 256)) as digests",
            )
            .collect()
        )
    files = {row["name"]: row for row in rows}
    faults = [
        fault
        for name, group in pages.items()
        for fault in (_faults(group, files[name]) if name in files else [missing_file(group)])
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise LakehouseError(
            f"Bronze run {manifest.run_id} of {manifest.ingestion_date.isoformat()} is damaged "
            f"({', '.join(faults[:3])}{more}): ingest that date again, which replaces it, or discard the run."
        )


def _faults(pages: Sequence[BronzePage], file: Row) -> list[str]:
    faults = [
        f"page {page.page} in {page.name} is not what was written"
        for page, digest in zip(pages, file["digests"], strict=True)
        if digest != page.sha256
    ]
    if not faults and file["length"] != pages[-1].offset + pages[-1].bytes:
        return [f"{pages[0].name} has more than its pages"]
    return faults


def read_lines(lakehouse: Lakehouse, manifest: Manifest) -> DataFrame:
    """The records of a run as they were received; files that the manifest does not name are ignored.

    Returns:
        `value` (JSON text), `source_file` (name within the run's folder), `position` (bigint: grows along the lines
        of a file, because one task reads a compressed file from its start).
    """
    folder = lakehouse.layout.bronze_run(manifest.ingestion_date, manifest.run_id)
    names = ", ".join(f"'{name}'" for name in dict.fromkeys(page.name for page in manifest.files))
    with explained(f"read the files of {folder}"):
        return (
            lakehouse.spark.read.option("pathGlobFilter", _PAGE_FILES)
            .text(folder)
            .select("value", sf.col("_metadata.file_name").alias("source_file"))
            .where(f"source_file in ({names})")
            .select(
                "value",
                "source_file",
                sf.monotonically_increasing_id().alias("position"),
            )
        )


def page_of(source_file: Column) -> Column:
    """The first page that a bronze file holds, from its name (see `layout.page_file`); bigint."""
    return sf.substring_index(sf.substring_index(source_file, ".", 1), "-", -1).cast("bigint")
