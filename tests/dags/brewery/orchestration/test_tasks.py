"""What the tasks' bodies do beside calling the ingestion and its validation."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi

pytestmark = pytest.mark.airflow


def test_what_an_interrupted_run_left_goes_after_a_week(
    tmp_path: Path, make_settings: Callable[..., Settings], day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.tasks import validate_date

    with MockApi(breweries=20) as api:
        committed = Path(ingest(make_settings(api.url), Storage.for_uri(str(tmp_path)), day).manifest_path).parent
    now = dt.datetime.now(dt.UTC).timestamp()
    for name, age in (("old", 8 * 86400), ("recent", 6 * 86400)):
        left = committed.with_name(f"run_id={name}")
        left.mkdir()
        page = left / "page-00001.jsonl.gz"
        page.write_bytes(b"cut off")
        for path in (page, left):
            os.utime(path, (now - age, now - age))
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    validate_date(day)
    assert sorted(path.name for path in committed.parent.iterdir()) == sorted([committed.name, "run_id=recent"])
