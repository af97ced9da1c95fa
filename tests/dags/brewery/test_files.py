"""Pages in bronze files: in any order of arrival, every file holds pages that follow one another."""

import gzip
import hashlib
from itertools import pairwise
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from brewery.contract.layout import page_file
from brewery.ingestion.files import PackedPage, PageFiles
from brewery.storage import Storage


class Kept(Storage):
    """Keeps files in memory, and refuses to replace one."""

    def __init__(self) -> None:
        super().__init__(Storage.for_uri("/nowhere").fs, "/nowhere")
        self.files: dict[str, bytes] = {}

    def write(self, path: str, data: bytes) -> None:
        assert path not in self.files
        self.files[path] = data


def packed(number: int) -> PackedPage:
    return PackedPage(number, 1, 0, gzip.compress(f"{number}\n".encode(), mtime=0))


@settings(deadline=None)
@given(st.integers(1, 30).flatmap(lambda pages: st.permutations(range(1, pages + 1))), st.integers(1, 400))
def test_pages_are_found_where_they_lie_and_lines_are_in_order(arrival: list[int], limit: int) -> None:
    storage = Kept()
    with patch("brewery.ingestion.files.FILE_BYTES", limit):
        files = PageFiles(storage, "/nowhere/run")
        for number in arrival:
            files.add(packed(number))
        files.finish()
    assert sorted(files.pages) == sorted(arrival)
    for number, page in files.pages.items():
        part = storage.files[f"/nowhere/run/{page.name}"][page.offset :][: page.bytes]
        assert gzip.decompress(part) == f"{number}\n".encode()
        assert hashlib.sha256(part).hexdigest() == page.sha256
    in_order = b"".join(gzip.decompress(storage.files[path]) for path in sorted(storage.files))
    assert in_order.split() == [str(number).encode() for number in sorted(arrival)]
    pages = [files.pages[number] for number in sorted(files.pages)]
    for before, after in pairwise(pages):
        assert (after.name, after.offset) in {
            (before.name, before.offset + before.bytes),
            (page_file(after.page), 0),
        }


def test_a_page_that_is_late_holds_up_no_others() -> None:
    storage = Kept()
    with patch("brewery.ingestion.files.FILE_BYTES", 10 * len(packed(100).content)):
        files = PageFiles(storage, "/nowhere/run")
        for number in (number for number in range(100, 200) if number != 105):
            files.add(packed(number))
            assert len(files.pages) > number - 100 - 10
        files.add(packed(105))
        files.finish()
    # One more than without the late page, and a last one.
    assert len(storage.files) <= 12
