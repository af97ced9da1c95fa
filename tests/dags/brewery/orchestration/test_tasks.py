"""What the tasks' bodies do beside calling the ingestion and its validation."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brewery.bronze import list_runs
from brewery.contract.decisions import SNAPSHOT_GATE, Decision
from brewery.quarantine import record
from harness.paths import ROOT
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


def test_a_superseded_run_goes_once_the_newer_one_is_old_enough(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.tasks import clean_bronze

    with MockApi(breweries=20) as api:
        other = lake.ingest(api.url, DAY - dt.timedelta(days=1)).run_id
        old, counts, refused = (lake.ingest(api.url).run_id for _ in range(3))
    decision = Decision("refused", ((DAY, refused),), dt.datetime.now(dt.UTC), SNAPSHOT_GATE, "too few")
    record(lake.storage, decision)
    monkeypatch.setenv("LAKEHOUSE_URI", str(lake.root))
    clean_bronze(dt.timedelta(days=1))
    assert {run.run_id for run in list_runs(lake.storage, DAY)} == {old, counts, refused}
    clean_bronze(dt.timedelta(0))
    assert {run.run_id for run in list_runs(lake.storage, DAY)} == {counts, refused}
    assert [run.run_id for run in list_runs(lake.storage, DAY - dt.timedelta(days=1))] == [other]


def test_a_date_whose_runs_were_all_refused_keeps_them(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from brewery.orchestration.tasks import clean_bronze

    with MockApi(breweries=20) as api:
        runs = [lake.ingest(api.url).run_id for _ in range(2)]
    refused = tuple((DAY, run_id) for run_id in runs)
    record(lake.storage, Decision("refused", refused, dt.datetime.now(dt.UTC), SNAPSHOT_GATE, "too few"))
    monkeypatch.setenv("LAKEHOUSE_URI", str(lake.root))
    clean_bronze(dt.timedelta(0))
    assert {run.run_id for run in list_runs(lake.storage, DAY)} == {*runs}


def test_old_records_of_airflow_go_and_newer_ones_stay(tmp_path: Path) -> None:
    """In a process and a database of its own."""
    script = (
        "import datetime as dt\n"
        "from airflow.models.log import Log\n"
        "from airflow.utils.db import initdb\n"
        "from airflow.utils.session import create_session\n"
        "from brewery.orchestration.tasks import clean_airflow_database\n"
        "initdb(load_connections=False)\n"
        "with create_session() as session:\n"
        "    for days in (10, 30):\n"
        "        entry = Log(event=f'{days} days old')\n"
        "        entry.dttm = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)\n"
        "        session.add(entry)\n"
        "clean_airflow_database(dt.timedelta(days=20))\n"
        "with create_session() as session:\n"
        "    print('LEFT', [entry.event for entry in session.query(Log) if 'days old' in entry.event])\n"
    )
    variables = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PYTHONPATH": str(ROOT / "dags"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False
    )
    assert "LEFT ['10 days old']" in done.stdout, done.stderr
