"""What the tests of the ingestion share: quick settings, a lakehouse in a temporary folder, what bronze holds."""

import datetime as dt
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brewery.ingestion.retry import Clock
from brewery.settings import Settings
from brewery.storage import Storage

DAY = dt.date(2025, 1, 31)


class FakeClock(Clock):
    """A clock that only waiting moves on: what would take minutes takes none."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def wait(self, until: threading.Event, seconds: float) -> None:
        with self._lock:
            self._now += 0 if until.is_set() else seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def day() -> dt.date:
    return DAY


@pytest.fixture
def lakehouse(tmp_path: Path) -> Path:
    """Root of a lakehouse that does not exist yet."""
    return tmp_path / "lakehouse"


@pytest.fixture
def storage(lakehouse: Path) -> Storage:
    return Storage.for_uri(str(lakehouse))


@pytest.fixture
def make_settings(lakehouse: Path) -> Callable[..., Settings]:
    """Settings for an API's URL, with waits of milliseconds; keyword arguments win."""

    def make(url: str, **overrides: Any) -> Settings:
        quick: dict[str, Any] = {
            "page_size": 50,
            "attempts": 4,
            "backoff_initial": 0.005,
            "backoff_max": 0.02,
            "retry_after_max": 0.05,
            "read_timeout": 120,
            "page_deadline": 300,
        }
        return Settings.from_env({}, api_url=f"{url}/v1", lakehouse_uri=str(lakehouse), **quick | overrides)

    return make


@pytest.fixture
def tree(lakehouse: Path) -> Callable[[], dict[str, bytes]]:
    """Every file of the lakehouse, hidden ones too, with its content: what "untouched" means."""

    def read() -> dict[str, bytes]:
        return {str(p.relative_to(lakehouse)): p.read_bytes() for p in lakehouse.rglob("*") if p.is_file()}

    return read


@pytest.fixture
def lines_of(lakehouse: Path) -> Callable[[str], list[bytes]]:
    """The lines of a run's pages, in page order."""

    def read(run_id: str) -> list[bytes]:
        (folder,) = lakehouse.glob(f"bronze/breweries/*/run_id={run_id}")
        return [
            line
            for path in sorted(folder.glob("page-*.jsonl.gz"))
            for line in gzip.decompress(path.read_bytes()).removesuffix(b"\n").split(b"\n")
        ]

    return read


@pytest.fixture
def manifest_of(lakehouse: Path) -> Callable[[str], dict[str, Any]]:
    """A run's manifest as plain JSON."""

    def read(run_id: str) -> dict[str, Any]:
        (path,) = lakehouse.glob(f"bronze/breweries/*/run_id={run_id}/_manifest.json")
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest

    return read
