"""Whether every id came once: a right count does not say so, because drift repeats some and omits others."""

from array import array
from collections.abc import Iterable, Mapping
from typing import Any, Final

_BUCKETS: Final = 1 << 12
_PAGE_BITS: Final = 28
_PAGE_MASK: Final = (1 << _PAGE_BITS) - 1
_HASH_MASK: Final = (1 << (64 - _PAGE_BITS)) - 1


class IdCheck:
    """Which page each id came on, in eight bytes for each: ten million take 80 MB.

    An id is known by 48 bits of its hash. Two ids that share them are taken for one, which costs no more than
    further requests for their pages.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    def add(self, page: int, lines: Iterable[str], records: Iterable[Mapping[str, Any] | None]) -> None:
        """Take one page; a record without an id is known by its text."""
        for line, record in zip(lines, records, strict=True):
            brewery_id = record.get("id") if record else None
            digest = hash(brewery_id if type(brewery_id) is str else line)
            self._buckets[digest % _BUCKETS].append(
                (digest // _BUCKETS & _HASH_MASK) << _PAGE_BITS | page & _PAGE_MASK
            )

    def repeated_on(self) -> set[int]:
        """The pages with an id that came more than once; gives the memory back, so it can be asked once."""
        pages: set[int] = set()
        while self._buckets:
            bucket = self._buckets.pop()
            first_page: dict[int, int] = {}
            for entry in bucket:
                digest, page = entry >> _PAGE_BITS, entry & _PAGE_MASK
                if digest in first_page:
                    pages |= {first_page[digest], page}
                else:
                    first_page[digest] = page
        return pages
