import threading
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine.cache import built, cache_root, content_key


def test_a_build_appears_whole_and_once(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "tool-1"
    builds = []

    def build(folder: Path) -> None:
        builds.append(folder)
        assert not target.exists()
        (folder / "program").write_text("x")

    assert built(target, build) == target
    built(target, build)

    assert (target / "program").read_text() == "x"
    assert len(builds) == 1


def test_a_failed_build_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    target = tmp_path / "tool-1"

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise HarnessError("no network")

    with pytest.raises(HarnessError, match="no network"):
        built(target, fail)
    assert [path.name for path in tmp_path.iterdir()] == [".tool-1.lock"]

    built(target, lambda folder: (folder / "whole").touch())
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_two_at_once_build_once(tmp_path: Path) -> None:
    target = tmp_path / "tool-1"
    inside = threading.Event()
    go_on = threading.Event()
    builds = []

    def build(folder: Path) -> None:
        builds.append(folder)
        inside.set()
        assert go_on.wait(120)
        (folder / "program").touch()

    first = threading.Thread(target=built, args=(target, build))
    second = threading.Thread(target=built, args=(target, build))
    first.start()
    assert inside.wait(120)
    second.start()
    go_on.set()
    first.join(120)
    second.join(120)

    assert len(builds) == 1
    assert (target / "program").exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(HarnessError, match=r"^Could not write .*tool-1 \(No space left on device\): make room"):
        built(tmp_path / "tool-1", full)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HARNESS_CACHE_DIR": "{tmp}/named", "XDG_CACHE_HOME": "{tmp}/xdg", "HOME": "{tmp}"}, "named"),
        ({"XDG_CACHE_HOME": "{tmp}/xdg", "HOME": "{tmp}"}, "xdg/lakehouse-platform"),
        ({"HOME": "{tmp}"}, ".cache/lakehouse-platform"),
    ],
)
def test_where_the_cache_is(environ: dict[str, str], expected: str, tmp_path: Path) -> None:
    root = cache_root({key: value.format(tmp=tmp_path) for key, value in environ.items()})

    assert root == tmp_path / expected
    assert root.is_dir()


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HarnessError, match="set HARNESS_CACHE_DIR"):
        cache_root({"HARNESS_CACHE_DIR": str(tmp_path / "file" / "below")})


def test_the_key_tells_contents_and_their_borders_apart(tmp_path: Path) -> None:
    file = tmp_path / "go.mod"
    file.write_text("ab")
    before = content_key(file, "c")

    assert before == content_key("ab", "c")
    assert before != content_key("a", "bc")
    file.write_text("ax")
    assert before != content_key(file, "c")
