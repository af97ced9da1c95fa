"""Packs pages into bronze files, so that millions of breweries do not make thousands of small files."""

import hashlib
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from brewery.contract.layout import page_file
from brewery.contract.manifest import BronzePage
from brewery.storage import Storage

FILE_BYTES: Final = 4 * 2**20
"""Compressed bytes that wait at most: some 50,000 breweries. Files of this size keep a few cores busy from some
100,000 breweries on."""


@dataclass(frozen=True)
class PackedPage:
    """One page, compressed by itself: concatenated gzip files are a gzip file (RFC 1952, section 2.2).

    Attributes:
        number: Page of the API, from 1.
        records: Lines in it.
        malformed: Lines that are no JSON object that every reader takes.
        content: The gzip file.
    """

    number: int
    records: int
    malformed: int
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class PageFiles:
    """The files of one run. Each holds pages that follow one another and is named after the first: the order of the
    names and of the lines is that of the API, although pages arrive in any order.

    Attributes:
        pages: Number of each written page -> where it lies.
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self._waiting: dict[int, PackedPage] = {}
        self.pages: dict[int, BronzePage] = {}

    def add(self, page: PackedPage) -> None:
        """Take a page; writes a file if enough of them wait.

        Raises:
            StorageError: A file could not be written.
        """
        self._waiting[page.number] = page
        if sum(len(waiting.content) for waiting in self._waiting.values()) >= FILE_BYTES:
            self._write(max(self._runs(), key=len))

    def finish(self) -> None:
        """Write what waits.

        Raises:
            StorageError: A file could not be written.
        """
        for run in self._runs():
            self._write(run)

    def _runs(self) -> list[list[PackedPage]]:
        """Pages that follow one another."""
        ordered = sorted(self._waiting.values(), key=attrgetter("number"))
        runs = groupby(enumerate(ordered), key=lambda item: item[1].number - item[0])
        return [[page for _, page in run] for _, run in runs]

    def _write(self, run: list[PackedPage]) -> None:
        name = page_file(run[0].number)
        self._storage.write(f"{self._folder}/{name}", b"".join(page.content for page in run))
        offset = 0
        for page in run:
            size = len(page.content)
            self.pages[page.number] = BronzePage(
                name, page.number, page.records, size, page.sha256, page.malformed, offset
            )
            offset += size
            del self._waiting[page.number]
