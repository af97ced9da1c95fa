"""Where one page ends and the next begins: drift that no count shows.

When a record is added in front of the list while it is read, the last record of a page comes once more as the first
of the next; when another is removed at the same time, the total stays what it was, and only the seam tells.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Overlap(NamedTuple):
    """A page that begins with the records that the page before it ended with.

    Attributes:
        page: The later page.
        records: How many records they share.
        fingerprint: Of the first of these.
    """

    page: int
    records: int
    fingerprint: int


class SeamCheck:
    """Compares each page with its neighbours, in whatever order they come.

    Attributes:
        overlaps: What was found so far.
    """

    def __init__(self) -> None:
        self.overlaps: set[Overlap] = set()
        self._waiting: dict[int, Sequence[int]] = {}
        self._seams: dict[int, int] = {}

    def add(self, page: int, fingerprints: Sequence[int]) -> None:
        """Take one page.

        Args:
            page: Its number.
            fingerprints: A hash of each of its records, in their order.
        """
        self._waiting[page] = fingerprints
        for later in (page, page + 1):
            if later - 1 in self._waiting and later in self._waiting:
                self._compare(later, self._waiting[later - 1], self._waiting[later])
                for neighbour in (later - 1, later):
                    self._forget_if_done(neighbour)

    def _forget_if_done(self, page: int) -> None:
        """Both of its seams compared: memory holds only pages whose neighbours are still under way."""
        # The first page has one seam only.
        self._seams[page] = self._seams.get(page, 1 if page == 1 else 0) + 1
        if self._seams[page] == 2:
            del self._waiting[page], self._seams[page]

    def _compare(self, later: int, before: Sequence[int], after: Sequence[int]) -> None:
        for records in range(1, min(len(before), len(after)) + 1):
            if before[-records] == after[0] and list(before[-records:]) == list(after[:records]):
                self.overlaps.add(Overlap(later, records, after[0]))
                return
