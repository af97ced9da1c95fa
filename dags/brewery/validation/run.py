"""Checks the committed run of a date, file by file and page by page."""

import datetime as dt
import gzip
import hashlib
import json
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Final

from brewery.bronze import require_runs
from brewery.contract.layout import MANIFEST_NAME
from brewery.contract.manifest import BronzePage, Manifest, missing_file
from brewery.errors import BronzeInvalidError, StorageMissingError
from brewery.storage import Storage

_THREADS: Final = 4
_BATCH: Final = 16
"""Files that are checked before the results are collected; bounds the results in memory."""
_NAMED: Final = 3
"""Faults that the sentence names; the result has all of them."""


@dataclass(frozen=True)
class ValidationResult:
    """The result of checking one run.

    Attributes:
        ingestion_date: Date.
        run_id: The run that counts for the date.
        records: Lines found, apart from those of damaged pages.
        api_total: What the API said.
        files: Files of the manifest.
        bytes: Their size together.
        faults: What is wrong, one phrase each; empty for a run that can be used.
        unknown_files: Names in the run's folder that the manifest does not name; readers ignore them.
        superseded_runs: Committed runs of the date that a later one has superseded.
        seconds: Duration.
    """

    ingestion_date: dt.date
    run_id: str
    records: int
    api_total: int
    files: int
    bytes: int
    faults: tuple[str, ...]
    unknown_files: tuple[str, ...]
    superseded_runs: tuple[str, ...]
    seconds: float

    def require_valid(self) -> None:
        """Check that the run has no faults.

        Raises:
            BronzeInvalidError: It has some; the sentence names the first ones.
        """
        if not self.faults:
            return
        named = "; ".join(self.faults[:_NAMED])
        more = f"; and {len(self.faults) - _NAMED} more" if len(self.faults) > _NAMED else ""
        raise BronzeInvalidError(
            f"Bronze run {self.run_id} of {self.ingestion_date.isoformat()} differs from its manifest "
            f"({named}{more}): ingest that date again, which replaces it."
        )


def validate(storage: Storage, ingestion_date: dt.date) -> ValidationResult:
    """Like `inspect`, but a run with faults is an error.

    Raises:
        BronzeInvalidError: The run differs from its manifest.
        NoCommittedRunError: The date has no committed run.
        ManifestInvalidError: A manifest of the date is invalid.
        StorageError: Bronze could not be read.
    """
    result = inspect(storage, ingestion_date)
    result.require_valid()
    return result


def inspect(storage: Storage, ingestion_date: dt.date) -> ValidationResult:
    """Check the run that counts for a date: its files, the checksums and lines of their pages, and the counts.

    Args:
        storage: The lakehouse.
        ingestion_date: Date.

    Returns:
        The result, faults included.

    Raises:
        NoCommittedRunError: The date has no committed run.
        ManifestInvalidError: A manifest of the date is invalid.
        StorageError: Bronze could not be read.
    """
    begun = time.monotonic()
    manifest, *superseded = require_runs(storage, ingestion_date)
    folder = storage.layout.bronze_run(ingestion_date, manifest.run_id)
    sizes = {entry.name: entry.size for entry in storage.list_folder(folder) if not entry.is_folder}
    faults: list[str] = []
    records = 0
    for count, fault in _checks(storage, folder, manifest, sizes):
        records += count
        if fault:
            faults.append(fault)
    if manifest.records != manifest.api_total:
        faults.append(f"the manifest has {manifest.records} records, the API said {manifest.api_total}")
    if records != manifest.records:
        faults.append(f"{records} usable records instead of {manifest.records}")
    known = {page.name for page in manifest.files} | {MANIFEST_NAME}
    return ValidationResult(
        ingestion_date=ingestion_date,
        run_id=manifest.run_id,
        records=records,
        api_total=manifest.api_total,
        files=len(known) - 1,
        bytes=sum(page.bytes for page in manifest.files),
        faults=tuple(faults),
        unknown_files=tuple(sorted(set(sizes) - known)),
        superseded_runs=tuple(run.run_id for run in superseded),
        seconds=time.monotonic() - begun,
    )


def _checks(
    storage: Storage, folder: str, manifest: Manifest, sizes: dict[str, int]
) -> Iterator[tuple[int, str | None]]:
    """For each file and each page: usable records, and what is wrong."""

    def check(pages: list[BronzePage]) -> list[tuple[int, str | None]]:
        return list(_check_file(storage, folder, pages, sizes.get(pages[0].name)))

    files = ([*pages] for _, pages in groupby(manifest.files, key=attrgetter("name")))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="validate") as pool:
        while batch := list(islice(files, _BATCH)):
            for checks in pool.map(check, batch):
                yield from checks


def _check_file(
    storage: Storage, folder: str, pages: Sequence[BronzePage], size: int | None
) -> Iterator[tuple[int, str | None]]:
    name, last = pages[0].name, pages[-1]
    if size is None:
        yield 0, missing_file(pages)
        return
    try:
        content = storage.read(f"{folder}/{name}")
    except StorageMissingError:
        yield 0, missing_file(pages)
        return
    if size != last.offset + last.bytes:
        yield 0, f"{name} has {size} bytes instead of {last.offset + last.bytes}"
    for page in pages:
        yield _check_page(content[page.offset : page.offset + page.bytes], page)


def _check_page(content: bytes, page: BronzePage) -> tuple[int, str | None]:
    name = f"page {page.page} in {page.name}"
    if hashlib.sha256(content).hexdigest() != page.sha256:
        return 0, f"the checksum of {name} is wrong"
    try:
        lines = gzip.decompress(content).split(b"\n")
    except (OSError, EOFError, zlib.error):
        return 0, f"{name} is not a gzip file"
    # The last line must end with a line break as well.
    if lines.pop() != b"":
        return 0, f"the last line of {name} is not whole"
    malformed = len(lines) - sum(map(_is_object, lines))
    if malformed != page.malformed:
        said = f" instead of {page.malformed}" if page.malformed else ""
        return len(lines) - malformed, f"{name} has {malformed} lines that are not JSON objects{said}"
    if len(lines) != page.records:
        return len(lines), f"{name} has {len(lines)} records instead of {page.records}"
    return len(lines), None


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        return type(json.loads(line)) is dict
    except (ValueError, RecursionError):
        return False
