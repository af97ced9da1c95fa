"""The cache of JSON values."""

import errno
import os
import time
from pathlib import Path

import pytest

from harness.manifests.cache import Cache


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
