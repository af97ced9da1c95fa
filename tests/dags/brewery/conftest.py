"""What the tests of the ingestion share: quick settings, a lakehouse in a temporary folder, what bronze holds."""

import datetime as dt
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brewery.ingestion import IngestResult, Progress, ingest
from brewery.ingestion.retry import Clock
from brewery.settings import Settings
from brewery.storage import Storage
from brewery.validation import ValidationResult, validate

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


class Lake:
    """A lakehouse in a folder, which does not exist before the first ingestion into it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.storage = Storage.for_uri(str(root))

    def settings(self, url: str, **overrides: Any) -> Settings:
        """Settings for an API's URL, with waits of milliseconds; keyword arguments win."""
        quick: dict[str, Any] = {
            "page_size": 50,
            "attempts": 4,
            "backoff_initial": 0.005,
            "backoff_max": 0.02,
            "retry_after_max": 0.05,
            "read_timeout": 120,
            "page_deadline": 300,
        }
        return Settings.from_env({}, api_url=f"{url}/v1", lakehouse_uri=str(self.root), **quick | overrides)

    def ingest(
        self,
        url: str,
        date: dt.date = DAY,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        clock: Clock | None = None,
        **overrides: Any,
    ) -> IngestResult:
        settings = self.settings(url, **overrides)
        return ingest(settings, self.storage, date, on_progress=on_progress, clock=clock)

    def validate(self, date: dt.date = DAY) -> ValidationResult:
        return validate(self.storage, date)

    def tree(self) -> dict[str, bytes]:
        """Every file, hidden ones too, with its content: what "untouched" means."""
        return {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}

    def lines(self, run_id: str) -> list[bytes]:
        """The lines of a run's pages, in page order."""
        (folder,) = self.root.glob(f"bronze/breweries/*/run_id={run_id}")
        return [
            line
            for path in sorted(folder.glob("page-*.jsonl.gz"))
            for line in gzip.decompress(path.read_bytes()).removesuffix(b"\n").split(b"\n")
        ]

    def manifest(self, run_id: str) -> dict[str, Any]:
        (path,) = self.root.glob(f"bronze/breweries/*/run_id={run_id}/_manifest.json")
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest


@pytest.fixture
def a_file_for_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brewery.ingestion.files.FILE_BYTES", 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lakehouse")
