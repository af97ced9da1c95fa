"""One ingestion: a complete snapshot of the API into a new bronze run, committed by its manifest."""

import datetime as dt
import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from brewery.bronze import new_run_id
from brewery.contract.layout import page_file
from brewery.contract.manifest import BronzeFile, Manifest
from brewery.errors import EmptySourceError, SourceMovedError, StorageError
from brewery.ingestion.client import BreweryClient
from brewery.ingestion.profile import ProfileBuilder
from brewery.ingestion.retry import SuspiciousPageError
from brewery.ingestion.seams import Overlap, SeamCheck
from brewery.settings import Settings
from brewery.storage import Storage

GZIP_LEVEL: Final = 3
"""Measured on real breweries: a page takes 0.7 ms; level 1 saves a fifth of the time and is 8 % larger, level 6
takes twice the time and is 10 % smaller."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where an ingestion is.

    Attributes:
        pages: Pages stored.
        pages_total: Pages to store.
        records: Records stored.
        retries: Requests that had to be repeated.
        fresh_starts: How often the snapshot was started anew.
    """

    pages: int
    pages_total: int
    records: int
    retries: int
    fresh_starts: int


@dataclass(frozen=True)
class IngestResult:
    """What an ingestion did.

    Attributes:
        ingestion_date: Date that the snapshot stands for.
        run_id: The committed run.
        manifest_path: The file that commits it.
        records: Records stored.
        pages: Pages stored, one file each.
        retries: Requests that had to be repeated.
        fresh_starts: How often the snapshot was started anew because the source changed.
        bytes_received: Bytes of the API's answers, after decompression.
        bytes_stored: Bytes of the stored pages.
        seconds: Time taken.
    """

    ingestion_date: dt.date
    run_id: str
    manifest_path: str
    records: int
    pages: int
    retries: int
    fresh_starts: int
    bytes_received: int
    bytes_stored: int
    seconds: float


class _MovedError(Exception):
    """The snapshot is not of one state of the source; the message completes "because …"."""

    def __init__(self, reason: str, overlaps: frozenset[Overlap] = frozenset()) -> None:
        super().__init__(reason)
        self.overlaps = overlaps


@dataclass(frozen=True)
class _StoredPage:
    file: BronzeFile
    profile: ProfileBuilder
    fingerprints: tuple[int, ...]


def ingest(
    settings: Settings,
    storage: Storage,
    ingestion_date: dt.date,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> IngestResult:
    """Take a snapshot of the API into bronze.

    Pages are fetched concurrently, at most `settings.concurrency` at a time, and each is stored as soon as it is
    there, so memory does not grow with the number of breweries. A run that fails removes what it has written;
    what was committed before is never touched.

    Args:
        settings: How to ingest.
        storage: The lakehouse.
        ingestion_date: Date that the snapshot stands for.
        on_progress: Called after each page, from the calling thread.

    Raises:
        EmptySourceError: The API has no breweries.
        SourceMovedError: The source changed in mid-run more often than fresh starts are allowed.
        ApiUnavailableError: A page, or the total, could not be had.
        ApiRefusedError: The API refuses these requests for good.
        StorageError: Bronze could not be written.
    """
    begun = time.monotonic()
    report = on_progress or (lambda _progress: None)
    overlaps: frozenset[Overlap] = frozenset()
    with BreweryClient(settings) as client:
        for fresh_starts in range(settings.fresh_starts + 1):
            try:
                manifest = _snapshot(settings, client, storage, ingestion_date, fresh_starts, overlaps, report)
            except _MovedError as error:
                reason, overlaps = str(error), error.overlaps
                log.warning("The source changed in mid-run (%s); starting afresh.", reason)
                continue
            return IngestResult(
                ingestion_date=ingestion_date,
                run_id=manifest.run_id,
                manifest_path=storage.layout.manifest(ingestion_date, manifest.run_id),
                records=manifest.records,
                pages=manifest.pages,
                retries=client.retries,
                fresh_starts=fresh_starts,
                bytes_received=client.bytes_received,
                bytes_stored=sum(file.bytes for file in manifest.files),
                seconds=time.monotonic() - begun,
            )
    raise SourceMovedError(
        f"The breweries at {settings.api_url} changed during each of {settings.fresh_starts + 1} attempts at a "
        f"snapshot (at last: {reason}): bronze is as it was; run it again when the source is at rest."
    )


def _snapshot(
    settings: Settings,
    client: BreweryClient,
    storage: Storage,
    ingestion_date: dt.date,
    fresh_starts: int,
    known_overlaps: frozenset[Overlap],
    report: Callable[[Progress], None],
) -> Manifest:
    """One attempt: everything is stored and committed, or nothing is left of it.

    `known_overlaps` are those of the attempt before: one that is there again, the same, is what the source holds
    (a brewery listed twice) and not a list that moved.
    """
    started_at = dt.datetime.now(dt.UTC)
    run_id = new_run_id(started_at)
    total = client.total()
    if total == 0:
        raise EmptySourceError(
            f"{settings.api_url} has no breweries, and an empty snapshot would mark every known one as removed: "
            "see whether the API is in order, then run it again."
        )
    folder = storage.layout.bronze_run(ingestion_date, run_id)
    with _removed_on_error(storage, folder):
        profile = ProfileBuilder()
        files: list[BronzeFile] = []
        seen: dict[str, int] = {}
        seams = SeamCheck()
        records = 0
        # Closed, so that no thread is still writing into the folder when it is removed.
        with closing(_stored_pages(settings, client, storage, folder, total)) as pages:
            for stored in pages:
                twin = seen.setdefault(stored.file.sha256, stored.file.page)
                if twin != stored.file.page:
                    raise _MovedError(f"page {stored.file.page} is the same as page {twin}")
                files.append(stored.file)
                profile.merge(stored.profile)
                seams.add(stored.file.page, stored.fingerprints)
                records += stored.file.records
                expected = _pages(total, settings.page_size)
                report(Progress(len(files), expected, records, client.retries, fresh_starts))
        after = client.total()
        if after != total:
            raise _MovedError(f"the total went from {total} to {after}")
        if new_overlaps := seams.overlaps - known_overlaps:
            page = min(new_overlaps).page
            raise _MovedError(f"page {page} repeats the end of page {page - 1}", frozenset(seams.overlaps))
        manifest = Manifest(
            ingestion_date=ingestion_date,
            run_id=run_id,
            source=settings.api_url,
            api_total=total,
            records=records,
            files=sorted(files, key=lambda file: file.page),
            profile=profile.build(),
            started_at=started_at,
            finished_at=dt.datetime.now(dt.UTC),
        )
        storage.write(storage.layout.manifest(ingestion_date, run_id), manifest.to_json().encode("utf-8"))
    return manifest


def _stored_pages(
    settings: Settings, client: BreweryClient, storage: Storage, folder: str, total: int
) -> Generator[_StoredPage, None, None]:
    """Fetch and store every page, in whatever order they arrive; a window of requests, not a queue of all."""
    pages = _pages(total, settings.page_size)
    running = threading.Semaphore(settings.concurrency)
    closed = threading.Event()

    def store_unless_closed(number: int) -> _StoredPage | None:
        with running:
            return None if closed.is_set() else store(number)

    def store(number: int) -> _StoredPage | None:
        expected = min(settings.page_size, total - (number - 1) * settings.page_size)
        slices, records = client.page(number, expected)
        if not expected:
            return None
        profile = ProfileBuilder()
        profile.add(slices, records)
        content = gzip.compress(("\n".join(slices) + "\n").encode("utf-8"), GZIP_LEVEL, mtime=0)
        name = page_file(number)
        storage.write(f"{folder}/{name}", content)
        digest = hashlib.sha256(content).hexdigest()
        file = BronzeFile(name, number, len(slices), len(content), digest)
        return _StoredPage(file, profile, tuple(map(hash, slices)))

    # A last page that is full says nothing about what follows it: the page behind it has to be empty.
    last = pages if total % settings.page_size else pages + 1
    numbers = iter(range(1, last + 1))
    pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="ingest")
    waiting: set[Future[_StoredPage | None]] = set()
    try:
        while True:
            # One more than there are threads, so that no thread waits for this loop.
            while len(waiting) <= settings.concurrency and (number := next(numbers, None)) is not None:
                waiting.add(pool.submit(store_unless_closed, number))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                page = future.result()
                if page is not None:
                    yield page
    except SuspiciousPageError as error:
        raise _MovedError(str(error)) from error
    finally:
        closed.set()
        with client.cancelled():
            pool.shutdown(wait=True, cancel_futures=True)
            # An interrupt while the pool starts a thread leaves one that it does not know and does not wait for.
            for _ in range(settings.concurrency):
                running.acquire()
        running.release(settings.concurrency)


@contextmanager
def _removed_on_error(storage: Storage, folder: str) -> Iterator[None]:
    """Removes a run's own folder when the block fails, interrupts included."""
    try:
        yield
    except BaseException:
        try:
            storage.delete(folder)
        except StorageError as error:
            # Without a manifest it is not a run, and maintenance removes it later: the first error matters more.
            log.warning("Left behind, without effect: %s (%s)", folder, error)
        raise


def _pages(total: int, page_size: int) -> int:
    return -(-total // page_size)
