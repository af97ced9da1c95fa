"""What the tasks' bodies do beside calling the ingestion and its validation."""

import datetime as dt
import os
from pathlib import Path

import pytest

from harness.pipeline.mock_api import MockApi
from tests.dags.brewery.conftest import DAY, Lake

pytestmark = pytest.mark.airflow


def test_what_an_interrupted_run_left_goes_after_a_week(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from brewery.orchestration.tasks import validate_date

    with MockApi(breweries=20) as api:
        committed = Path(lake.ingest(api.url).manifest_path).parent
    now = dt.datetime.now(dt.UTC).timestamp()
    for name, age in (("old", 8 * 86400), ("recent", 6 * 86400)):
        left = committed.with_name(f"run_id={name}")
        left.mkdir()
        page = left / "page-00001.jsonl.gz"
        page.write_bytes(b"cut off")
        for path in (page, left):
            os.utime(path, (now - age, now - age))
    monkeypatch.setenv("LAKEHOUSE_URI", str(lake.root))
    validate_date(DAY)
    assert sorted(path.name for path in committed.parent.iterdir()) == sorted([committed.name, "run_id=recent"])
