import errno
import os
import stat
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.files import check_output, replacing, scratch, write, write_output


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write(file, "old")
    with pytest.raises(TypeError), replacing(file) as aside:
        aside.write_text(b"half")  # type: ignore[arg-type]  # the failure
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write(tmp_path / "page.html", "new")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o640


def test_an_output_ends_with_a_line_and_its_folder_is_created(tmp_path: Path) -> None:
    write_output(tmp_path / "new" / "review.md", "text")
    assert (tmp_path / "new" / "review.md").read_text() == "text\n"


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match=r"cannot be written .*: name another --output"):
        write_output(tmp_path / "file" / "review.md", "text")


@pytest.mark.parametrize("name", ["file/report.html", "folder", "device", "missing/report.html/", "full"])
def test_an_output_that_cannot_be_written_is_noticed_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    room = 1 << 60 if name == "full" else 1000
    if name.startswith("missing"):
        check_output(tmp_path / name, room)
        assert (tmp_path / "missing").is_dir()
        return
    with pytest.raises(HarnessError, match=rf"{name} cannot be written \(.+\): name another --output"):
        check_output(tmp_path / name, room)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "file", "folder"]


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    with pytest.raises(HarnessError, match="device"):
        write_output((tmp_path / "null").resolve(), "text")
    assert Path("/dev/null").is_char_device()


def test_a_full_temporary_folder_is_named() -> None:
    with pytest.raises(HarnessError, match=r"temporary folder .* is full: make room there"), scratch("x-"):
        raise OSError(errno.ENOSPC, "No space left on device")
