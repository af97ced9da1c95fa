"""The comparison does the pipeline's work: its tables say what the API's own catalogue says."""

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

from deltalake import DeltaTable

from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi

DATES = (dt.date(2025, 1, 1), dt.date(2025, 1, 2))


def test_two_days_by_hand(tmp_path: Path, repo: Path) -> None:
    lake = tmp_path / "pipeline"
    with MockApi(breweries=1_500, faults=["duplicates:count=4"]) as api:
        for day, date in enumerate(DATES):
            api.day = day
            settings = Settings.from_env({"LAKEHOUSE_URI": str(lake), "BREWERY_API_URL": f"{api.url}/v1"})
            taken = ingest(settings, Storage.for_uri(str(lake)), date)
            folders = (str(Path(taken.manifest_path).parent), str(tmp_path / "by-hand"))
            done = subprocess.run(
                [sys.executable, "-m", "harness.bench.by_hand", *folders, date.isoformat()],
                cwd=repo,
                capture_output=True,
                text=True,
                check=True,
            )
            assert json.loads(done.stdout)["seconds"] > 0
        changes = api.catalog.changes(0, 1)
        current = {brewery["id"] for brewery in api.catalog.at(1)}
    days = DeltaTable(str(tmp_path / "by-hand/gold/daily_changes")).to_pyarrow_table().to_pylist()
    newest = max(days, key=lambda row: row["ingestion_date"])
    assert (newest["total"], newest["added"], newest["removed"], newest["duplicates"]) == (
        len(current),
        len(changes.added),
        len(changes.removed),
        4,
    )
    silver = DeltaTable(str(tmp_path / "by-hand/silver/breweries")).to_pyarrow_table().to_pylist()
    assert {row["id"] for row in silver if row["is_current"]} == current
