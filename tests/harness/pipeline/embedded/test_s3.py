"""`harness run` with a lakehouse in an object store, configured as the AWS tools are."""

import datetime as dt
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from deltalake import DeltaTable

from harness.paths import RUN_DIR
from tests.s3_server import s3_server

pytestmark = [pytest.mark.embedded, pytest.mark.spark, pytest.mark.airflow, pytest.mark.s3]


@pytest.fixture
def store(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The variables of an S3 server with the bucket `lake`."""
    with s3_server() as url:
        variables = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_REGION": "us-east-1",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="lake")
        yield variables


def test_two_days_in_an_object_store(repo: Path, tmp_path: Path, store: dict[str, str]) -> None:
    root = f"s3://lake/{secrets.token_hex(4)}"
    report = tmp_path / "report.html"
    command = [sys.executable, "-m", "harness", "run", "--lakehouse", root, "--breweries", "150", "-o", str(report)]
    # Nobody answers there: the store is on this machine.
    variables = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:9"}
    try:
        for _ in range(2):
            done = subprocess.run(command, cwd=repo, env=variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    finally:
        for folder in RUN_DIR.glob(f"*{root.rpartition('/')[2]}*"):
            shutil.rmtree(folder)

    options = {"AWS_ALLOW_HTTP": "true", **store}
    changes = DeltaTable(f"{root}/gold/daily_changes", storage_options=options).to_pyarrow_table()
    first, second = sorted(changes.to_pylist(), key=lambda row: row["ingestion_date"])
    assert (first["ingestion_date"], first["added"], first["total"]) == (dt.date(2025, 1, 1), 150, 150)
    assert second["ingestion_date"] == dt.date(2025, 1, 2)
    assert second["total"] == 150 + second["added"] - second["removed"]
    assert "2025-01-02" in report.read_text()
    assert not (repo / "s3:").exists()
