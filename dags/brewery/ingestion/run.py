"""One ingestion: a complete snapshot of the API into a new bronze run, committed by its manifest."""

import datetime as dt
import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from brewery.bronze import new_run_id
from brewery.contract.fields import MAX_NEW_FIELDS
from brewery.contract.manifest import BronzePage, Manifest
from brewery.errors import ApiRefusedError, EmptySourceError, SourceMovedError, StorageError
from brewery.ingestion.ages import Receipt, spread
from brewery.ingestion.client import BreweryClient, Page
from brewery.ingestion.files import PackedPage, PageFiles
from brewery.ingestion.ids import IdCheck
from brewery.ingestion.paging import Paging, find_paging
from brewery.ingestion.profile import ProfileBuilder
from brewery.ingestion.retry import Clock, SuspiciousPageError
from brewery.settings import Settings
from brewery.storage import Storage

GZIP_LEVEL: Final = 3
"""Measured on real breweries: a page takes 0.7 ms; level 1 saves a fifth of the time and is 8 % larger, level 6
takes twice the time and is 10 % smaller."""

_Result = TypeVar("_Result")

CONFIRMATIONS: Final = 2
LEAST_CONFIRMATIONS: Final = 20
"""How often each page with repeated ids, and all of them together, have to come again as they were. Of two servers
with lists of their own, the right one answers in half of all cases: 20 times in a row once in a million."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where an ingestion is.

    Attributes:
        pages: Pages stored.
        pages_total: Pages to store.
        records: Records stored.
        retries: Requests that had to be repeated.
        fresh_starts: How often the snapshot was restarted.
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
        pages: Pages stored.
        retries: Requests that had to be repeated.
        fresh_starts: How often the snapshot was restarted because the API changed.
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
    """The snapshot is not of one state of the source; the message completes "because …".

    Attributes:
        total: The number of breweries that the length of a page contradicts.
        page: That page.
    """

    def __init__(self, reason: str, total: int | None = None, page: int = 0) -> None:
        super().__init__(reason)
        self.total = total
        self.page = page


@dataclass(frozen=True)
class _TakenPage:
    packed: PackedPage
    profile: ProfileBuilder
    page: Page


def ingest(
    settings: Settings,
    storage: Storage,
    ingestion_date: dt.date,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    clock: Clock | None = None,
) -> IngestResult:
    """Take a snapshot of the API into bronze.

    Pages are fetched concurrently, at most `settings.concurrency` at a time, and written as soon as they fill a
    file, so that memory grows with the number of breweries only by what the manifest and the check of the ids need.
    A run that fails removes what it has written; what was committed before is never touched.

    Args:
        settings: How to ingest.
        storage: The lakehouse.
        ingestion_date: Date that the snapshot stands for.
        on_progress: Called after each page, from the calling thread.
        clock: What waits and deadlines are measured with.

    Raises:
        EmptySourceError: The API has no breweries.
        SourceMovedError: The source changed in mid-run more often than fresh starts are allowed.
        ApiUnavailableError: A page or the total could not be fetched.
        ApiRefusedError: The API refuses these requests for good.
        StorageError: Bronze could not be written.
    """
    begun = time.monotonic()
    report = on_progress or (lambda _progress: None)
    moved: list[_MovedError] = []
    with BreweryClient(settings, clock) as client:
        for fresh_starts in range(settings.fresh_starts + 1):
            try:
                manifest = _snapshot(settings, client, storage, ingestion_date, fresh_starts, report)
            except _MovedError as error:
                log.warning("The source changed in mid-run (%s); restarting the snapshot.", error)
                moved.append(error)
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
    raise SourceMovedError(_why_none(settings, moved))


def _why_none(settings: Settings, moved: Sequence[_MovedError]) -> str:
    """Why no attempt at a snapshot succeeded."""
    totals = {error.total for error in moved}
    if len(moved) > 1 and None not in totals and len(totals) == 1:
        first = min(moved, key=lambda error: error.page)
        return (
            f"{settings.api_url} contradicts itself: it reports {first.total:,} breweries, but {first} (attempts: "
            f"{len(moved)}): bronze is unchanged; see whether the API is in order, then run it again."
        )
    return (
        f"The breweries at {settings.api_url} changed during each of {len(moved)} attempts at a snapshot (at last: "
        f"{moved[-1]}): bronze is unchanged; run it again when the source is at rest."
    )


def _snapshot(
    settings: Settings,
    client: BreweryClient,
    storage: Storage,
    ingestion_date: dt.date,
    fresh_starts: int,
    report: Callable[[Progress], None],
) -> Manifest:
    """One attempt: everything is stored and committed, or nothing is left of it."""
    started_at = dt.datetime.now(dt.UTC)
    run_id = new_run_id(started_at)
    before = client.total()
    total = before.total
    if total == 0:
        raise EmptySourceError(
            f"{settings.api_url} has no breweries, and an empty snapshot would mark every known one as removed: "
            "see whether the API is in order, then run it again."
        )
    folder = storage.layout.bronze_run(ingestion_date, run_id)
    with _removed_on_error(storage, folder), _drift(total):
        paging = find_paging(client, total, settings.page_size)
        profile = ProfileBuilder()
        files = PageFiles(storage, folder)
        receipts: dict[int, Receipt] = {}
        ids = IdCheck()
        records = 0

        def take(number: int) -> _TakenPage | None:
            page = _page(settings, client, paging, number)
            return None if page is None else _pack(number, page)

        # Closed, so that no thread still sends requests when the run has ended.
        with closing(_concurrently(settings, client, paging.last, take)) as pages:
            for taken in pages:
                files.add(taken.packed)
                number = taken.packed.number
                receipts[number] = taken.page.receipt
                profile.merge(taken.profile)
                _require_columns(settings, profile)
                ids.add(number, taken.page.lines, taken.page.records)
                records += taken.packed.records
                report(Progress(len(receipts), paging.pages, records, client.retries, fresh_starts))
        files.finish()
        after = client.total()
        if after.total != total:
            raise _MovedError(f"the total went from {total} to {after.total}")
        # One brewery removed and another added leave the total, and may hide a third one between two pages.
        if after.counts != before.counts:
            raise _MovedError("the numbers of breweries by state, country or type changed")
        if seconds := spread((before.receipt, *receipts.values(), after.receipt)):
            raise _MovedError(f"caches served states of the source that lie {seconds:,.0f} s apart")
        _confirm(settings, client, paging, [files.pages[number] for number in sorted(ids.repeated_on())])
        manifest = Manifest(
            ingestion_date=ingestion_date,
            run_id=run_id,
            source=settings.api_url,
            api_total=total,
            records=records,
            files=[files.pages[number] for number in sorted(files.pages)],
            responses=[receipts[number].headers for number in sorted(receipts)],
            profile=profile.build(),
            started_at=started_at,
            finished_at=dt.datetime.now(dt.UTC),
        )
        storage.write(storage.layout.manifest(ingestion_date, run_id), manifest.to_json().encode("utf-8"))
    return manifest


def _require_columns(settings: Settings, profile: ProfileBuilder) -> None:
    if len(profile.new_fields) > MAX_NEW_FIELDS:
        examples = ", ".join(sorted(map(repr, profile.new_fields))[:3])
        raise ApiRefusedError(
            f"The breweries at {settings.api_url} have more than {MAX_NEW_FIELDS:,} unknown fields ({examples}, "
            "...): see whether the API uses values as field names."
        )


def _page(settings: Settings, client: BreweryClient, paging: Paging, number: int) -> Page | None:
    """One page, or None for the empty one behind the last.

    Raises:
        ApiRefusedError: The API answers every page with the first.
    """
    if number == 1:
        return paging.first
    expected = paging.expected(number)
    try:
        page = client.page(number, expected, paging.size)
    except SuspiciousPageError as error:
        if error.lines != paging.first.lines:
            raise
        # All there is came with the first page: nothing was lost.
        if not expected and paging.pages == 1:
            return None
        raise _ignored(settings, paging, number) from error
    if not expected:
        return None
    if page.lines == paging.first.lines:
        again = [client.page(asked, paging.size, paging.size).lines for asked in (1, number)]
        if again != [page.lines, page.lines]:
            raise _MovedError(f"page {number} is the same as page 1")
        raise _ignored(settings, paging, number)
    return page


def _ignored(settings: Settings, paging: Paging, number: int) -> ApiRefusedError:
    return ApiRefusedError(
        f"{settings.api_url} answers page {number} with page 1, so it ignores the parameter `page` and only "
        f"{paging.size} of {paging.total} breweries can be read: see whether {settings.api_option} is right."
    )


def _pack(number: int, page: Page) -> _TakenPage:
    good = [(line, record) for line, record in zip(page.lines, page.records, strict=True) if record is not None]
    profile = ProfileBuilder()
    profile.add([line for line, _ in good], [record for _, record in good])
    packed = PackedPage(number, len(page.lines), len(page.lines) - len(good), _content(page))
    return _TakenPage(packed, profile, page)


def _content(page: Page) -> bytes:
    return gzip.compress(("\n".join(page.lines) + "\n").encode("utf-8"), GZIP_LEVEL, mtime=0)


def _confirm(settings: Settings, client: BreweryClient, paging: Paging, pages: Sequence[BronzePage]) -> None:
    """Ask again for pages with repeated ids.

    A source that lists a brewery twice sends the same again. One that moved, or that has no fixed order, does not:
    there, each repeated brewery stands for one that is missing.

    Raises:
        _MovedError: A page is not what it was.
    """

    def differs(index: int) -> str | None:
        stored = pages[(index - 1) // times]
        page = client.page(stored.page, stored.records, paging.size)
        if hashlib.sha256(_content(page)).hexdigest() == stored.sha256:
            return None
        reason = f"page {stored.page} repeats breweries of other pages and changed when it was requested again"
        ids = [str(record.get("id")) for record in page.records if record]
        return reason if ids == sorted(ids) else f"{reason}, and the API ignores the requested order"

    # In a row for each page: in turns, servers that answer in turns could each get their own pages again.
    times = max(CONFIRMATIONS, -(-LEAST_CONFIRMATIONS // max(len(pages), 1)))
    with closing(_concurrently(settings, client, times * len(pages), differs)) as reasons:
        for reason in reasons:
            raise _MovedError(reason)


def _concurrently(
    settings: Settings, client: BreweryClient, last: int, work: Callable[[int], _Result | None]
) -> Generator[_Result, None, None]:
    """What `work` makes of each number from 1, in any order; a window of requests, not a queue of all."""
    running = threading.Semaphore(settings.concurrency)
    closed = threading.Event()

    def work_unless_closed(number: int) -> _Result | None:
        with running:
            return None if closed.is_set() else work(number)

    numbers = iter(range(1, last + 1))
    pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="ingest")
    waiting: set[Future[_Result | None]] = set()
    try:
        while True:
            # One more than there are threads, so that no thread waits for this loop.
            while len(waiting) <= settings.concurrency and (number := next(numbers, None)) is not None:
                waiting.add(pool.submit(work_unless_closed, number))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                if result is not None:
                    yield result
    finally:
        closed.set()
        with client.cancelled():
            pool.shutdown(wait=True, cancel_futures=True)
            # An interrupt while the pool starts a thread leaves one that it does not know and does not wait for.
            for _ in range(settings.concurrency):
                running.acquire()
        running.release(settings.concurrency)


@contextmanager
def _drift(total: int) -> Iterator[None]:
    """A page that keeps having another length than the total says is a sign of it."""
    try:
        yield
    except SuspiciousPageError as error:
        raise _MovedError(str(error), total, error.page) from error


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
