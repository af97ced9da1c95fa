"""Airflow's local settings, as Airflow loads them: a fork leaves its parent's connections alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

FORK = """
import multiprocessing
from airflow import settings
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

# SQLite has no pool by default, PostgreSQL has.
engine = settings.engine = create_engine("sqlite://", poolclass=QueuePool)
engine.connect().close()
process = multiprocessing.get_context("fork").Process(target=lambda: print(engine.pool.checkedin(), flush=True))
process.start()
process.join()
print(engine.pool.checkedin())
"""
"""Prints how many connections wait in the pool of a fork, and then in that of its parent."""


def test_a_fork_has_none_of_its_parents_connections(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    file = repo / "base/orchestrator/files/airflow_local_settings.py"
    (tmp_path / "config" / file.name).symlink_to(file)
    database = f"sqlite:///{tmp_path}/airflow.db"
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    done = subprocess.run(
        [sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[-2:] == ["0", "1"], done.stderr
