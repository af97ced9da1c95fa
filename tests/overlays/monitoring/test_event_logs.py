"""Spark's own event log and history server, with the platform's settings, on a local S3 server."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from harness.machine.environment import spark_environment
from harness.machine.jars import jars
from tests.processes import started, wait_for
from tests.s3_server import s3_server

pytestmark = [pytest.mark.s3, pytest.mark.spark]

PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").appName("event log").config("spark.ui.enabled", "false")
for key, value in json.loads(sys.argv[1]).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.range(10).count()
print("RESULT" + spark.sparkContext.applicationId)
spark.stop()
"""
SERVER = "org.apache.spark.deploy.history.HistoryServer"


@pytest.fixture
def store() -> Iterator[tuple[str, dict[str, str]]]:
    """Address of an S3 server with the bucket `lakehouse`, and the variables of a process that uses it."""
    import boto3

    with s3_server() as address:
        keys = {"AWS_ACCESS_KEY_ID": secrets.token_hex(8), "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16)}
        client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="lakehouse")
        # As the bootstrap Job does.
        client.put_object(Bucket="lakehouse", Key="_events/.keep", Body=b"")
        yield address, {**os.environ, **spark_environment(("delta", "s3")), **keys}


def test_an_application_that_has_ended_is_listed(
    store: tuple[str, dict[str, str]], repo: Path, tmp_path: Path
) -> None:
    address, variables = store
    application = yaml.safe_load((repo / "base/orchestrator/files/spark-application.yaml").read_text("utf-8"))
    own = ("spark.eventLog.", "spark.hadoop.fs.s3a.")
    settings = {key: value for key, value in application["spec"]["sparkConf"].items() if key.startswith(own)}
    settings["spark.hadoop.fs.s3a.endpoint"] = address
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(settings)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (name,) = [line.removeprefix("RESULT") for line in done.stdout.splitlines() if line.startswith("RESULT")]

    port = free_port()
    reads = {
        **{key: value for key, value in settings.items() if key.startswith("spark.hadoop.")},
        "spark.history.fs.logDirectory": settings["spark.eventLog.dir"],
        "spark.history.ui.port": str(port),
    }
    variables["SPARK_HISTORY_OPTS"] = " ".join(f"-D{key}={value}" for key, value in reads.items())
    file = repo / "base/monitoring/history/files/spark.properties"
    command: list[str | Path] = [Path(variables["SPARK_HOME"]) / "bin" / "spark-class", SERVER]
    command += ["--properties-file", file]
    variables["SPARK_DAEMON_CLASSPATH"] = os.pathsep.join(map(str, jars("delta", "s3")))
    said = tmp_path / "said.txt"
    with said.open("w") as out, started(command, env=variables, stdout=out, stderr=out) as process:

        def found() -> dict[str, Any] | None:
            assert process.poll() is None, said.read_text()[-3000:]
            try:
                applications = requests.get(f"http://127.0.0.1:{port}/api/v1/applications", timeout=10).json()
            except requests.RequestException:
                return None
            return next((item for item in applications if item["id"] == name), None)

        listed = wait_for(found, "application in the history server")
    assert listed["name"] == "event log"
    assert [attempt["completed"] for attempt in listed["attempts"]] == [True]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
