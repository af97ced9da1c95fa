"""The cache of JSON values."""

import errno
import os
import time
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine.cache import built
from harness.manifests.cache import Cache, in_cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path)
    return Cache("things")


def test_it_gives_back_what_was_put(cache: Cache) -> None:
    assert cache.get("a") is None
    cache.put("a", {"x": [1, "é"]})
    assert cache.get("a") == {"x": [1, "é"]}
    assert [path.name for path in cache.folder.glob("*.json")] == ["a.json"]


def test_what_cannot_be_stored_is_said_once_and_stops_nothing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("harness.manifests.cache.write", full)
    for key in ("a", "b"):
        cache.put(key, 1)
        assert cache.get(key) is None
    said = f"Nothing is kept in {cache.folder.parent} (No space left on device): make room there.\n"
    assert capsys.readouterr().err == said


def test_what_was_not_used_for_two_weeks_goes_and_what_was_used_stays(cache: Cache) -> None:
    old = time.time() - 15 * 86_400
    for key in ("unused", "used"):
        cache.put(key, key)
    for key in ("unused", "used"):
        os.utime(cache.path(key), (old, old))
    os.utime(cache.folder / ".pruned", (old, old))
    assert cache.get("used") == "used"
    cache.put("new", 1)
    assert sorted(path.stem for path in cache.folder.glob("*.json")) == ["new", "used"]


def test_what_nobody_may_write_is_read(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    cache.put("a", 1)
    old = time.time() - 3 * 86_400
    os.utime(cache.path("a"), (old, old))
    monkeypatch.setattr(os, "utime", refuse)
    assert cache.get("a") == 1


def test_without_a_cache_it_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "file" / "below"))
    for name in ("things", "others"):
        cache = Cache(name)
        cache.put("a", 1)
        assert cache.get("a") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"Nothing is kept: The cache folder {tmp_path}/file/below cannot be made (Not a dir")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room there"), (errno.EROFS, "set HARNESS_CACHE_DIR to a folder that can be written")],
)
def test_what_cannot_be_made_in_the_cache_is_made_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, remedy: str
) -> None:
    root = tmp_path / str(number)

    def fill(folder: Path) -> None:
        if folder.is_relative_to(root):
            raise OSError(number, os.strerror(number))
        (folder / "file").touch()

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return built(folder / "made", fill)

    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: root)
    for _ in range(2):
        made = in_cache(make)
        assert [path.name for path in made.iterdir()] == ["file"]
        assert not made.is_relative_to(root)
    said = f"Nothing is kept in {root}/manifests ({os.strerror(number)}): {remedy}.\n"
    assert capsys.readouterr().err == said


def test_an_error_of_what_is_made_is_no_error_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> Path:
        raise HarnessError("There is no network: connect it.")

    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path)
    with pytest.raises(HarnessError, match="There is no network"):
        in_cache(fail)
