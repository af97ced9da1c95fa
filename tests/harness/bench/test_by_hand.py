"""The comparison does the pipeline's work: its tables are those that the contract describes."""

import datetime as dt
import gzip
import json
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from harness.pipeline.mock_api import MockApi
from lakehouse.gold import GOLD
from tests.oracle.lakehouse import Day, Expected

DATES = (dt.date(2025, 1, 1), dt.date(2025, 1, 2))


def test_two_days_by_hand(tmp_path: Path, repo: Path) -> None:
    lake = tmp_path / "pipeline"
    days = []
    with MockApi(breweries=1_500, faults=["duplicates:count=4"]) as api:
        for day, date in enumerate(DATES):
            api.day = day
            settings = Settings.from_env({"LAKEHOUSE_URI": str(lake), "BREWERY_API_URL": f"{api.url}/v1"})
            taken = ingest(settings, Storage.for_uri(str(lake)), date)
            run = Path(taken.manifest_path).parent
            pages = (gzip.decompress(page.read_bytes()) for page in sorted(run.glob("page-*")))
            records = [json.loads(line) for page in pages for line in page.splitlines()]
            days.append(Day(date, records, taken.run_id))
            folders = (str(run), str(tmp_path / "by-hand"))
            done = subprocess.run(
                [sys.executable, "-m", "harness.bench.by_hand", *folders, date.isoformat()],
                cwd=repo,
                capture_output=True,
                text=True,
                check=True,
            )
            assert json.loads(done.stdout)["seconds"] > 0
    expected = Expected(days)
    assert [day.duplicates for day in expected.ledger] == [4, 4]
    silver = rows(tmp_path, "silver/breweries", without={"record_hash", "raw_hash"})
    assert by_key(silver, "id") == by_key(expected.silver_rows(), "id")
    for name, table in GOLD.items():
        keys = [column.name for column in table.columns if column.type in ("string", "date")]
        assert by_key(rows(tmp_path, table.name), *keys) == by_key(expected.gold(name), *keys)


def rows(folder: Path, table: str, without: AbstractSet[str] = frozenset()) -> list[dict[str, Any]]:
    all_rows = DeltaTable(str(folder / "by-hand" / table)).to_pyarrow_table().to_pylist()
    return [{name: value for name, value in row.items() if name not in without} for row in all_rows]


def by_key(table: Iterable[dict[str, Any]], *keys: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[key] for key in keys): row for row in table}
