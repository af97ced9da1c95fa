"""The jobs on an object store: a local S3 server and Hadoop's S3A."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brewery.contract.layout import Layout

pytestmark = [pytest.mark.s3, pytest.mark.spark, pytest.mark.days]

_PROGRAM = """
import datetime, json, sys
from brewery.contract.layout import Layout
from lakehouse.jobs import bronze_to_silver, maintenance, quality_gate, quarantine, silver_to_gold
from lakehouse.session import get_session
spark, layout = get_session(), Layout(sys.argv[1])
applied = len(bronze_to_silver.run(spark, layout))
silver_to_gold.run(spark, layout)
quality_gate.run(spark, layout)
history = maintenance.run(spark, layout, ["history"], table="silver/breweries")
gold = spark.read.format("delta").load("s3a://lakehouse/gold/breweries_by_country").collect()
quarantine.run(spark, layout, "discard", [datetime.date(2026, 3, 2)], by="Ada", reason="by hand")
bronze_to_silver.run(spark, layout)
left = spark.read.format("delta").load("s3a://lakehouse/silver/breweries").count()
print("RESULT" + json.dumps([applied, len(history), [list(row) for row in gold], left]))
"""


def test_two_days_on_s3(layout: Layout, bronze: Any, brewery: Callable[..., dict[str, Any]], repo: Path) -> None:
    server_module = pytest.importorskip("moto.server", reason="moto is not in this environment (make setup)")
    environment = pytest.importorskip(
        "harness.machine.environment", reason="there is no harness in this environment"
    )
    boto3 = pytest.importorskip("boto3", reason="boto3 is not in this environment")

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        variables = {
            **os.environ,
            **environment.spark_environment(("delta", "s3")),
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_REGION": "us-east-1",
            "SPARK_MASTER": "local[2]",
            "PYTHONPATH": os.pathsep.join(str(repo / part) for part in ("spark", "dags")),
        }
        bronze.write("2026-03-01", [[brewery("a"), brewery("b")]])
        bronze.write("2026-03-02", [[brewery("a", name="New"), brewery("b"), brewery("c", country="Österreich")]])
        client = boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="lakehouse")
        for file in sorted(path for path in Path(layout.root).rglob("*") if path.is_file()):
            client.upload_file(str(file), "lakehouse", str(file.relative_to(layout.root)))
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, "s3://lakehouse"],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        results = [line.removeprefix("RESULT") for line in done.stdout.splitlines() if line.startswith("RESULT")]
        applied, commits, gold, left = json.loads(results[0])
        assert (applied, commits, sorted(gold), left) == (2, 2, [["Germany", 2], ["Österreich", 1]], 2)
    finally:
        server.stop()
