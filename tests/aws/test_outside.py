"""The lakehouse in a store that is not the platform's, Airflow's database in a PostgreSQL that is not its own."""

import json
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from brewery.contract.layout import Layout
from lakehouse.gold import GOLD
from tests.aws.outside import Outside, master
from tests.aws.prepare import BUCKETS, HOST, STORE
from tests.live import frames
from tests.live.platform import REGION
from tests.live.proof import Proof, Taken
from tests.oracle.gold import GOLD as ORACLE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

LAYOUT = Layout(f"s3a://{BUCKETS['lakehouse']}")


def test_both_dags_run_to_their_end(proof: Proof, day: Taken) -> None:
    for run in (day.ingestion, day.transformation):
        assert run.state == "success"
        assert {task.state for task in proof.tasks(run)} <= {"success", "skipped"}


@pytest.mark.parametrize("table", GOLD)
def test_gold_is_exactly_what_the_api_sent(spark: "SparkSession", proof: Proof, day: Taken, table: str) -> None:
    actual = frames.read(spark, LAYOUT.gold(table), ORACLE[table].schema)
    frames.assert_same(actual, frames.gold(spark, proof.expected(), table))


def test_jupyterlabs_user_reads_gold_and_nothing_else(platform: Outside, proof: Proof, day: Taken) -> None:
    key, secret = platform.credentials("jupyter", STORE)
    options = {
        "AWS_ENDPOINT_URL": platform.s3_endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
    }
    table = DeltaTable(f"s3://{BUCKETS['lakehouse']}/gold/breweries_by_type", storage_options=options)
    rows = table.to_pyarrow_table().to_pylist()
    assert len(rows) == len(proof.expected().gold("breweries_by_type")) > 0
    with pytest.raises(platform.store.exceptions.ClientError, match="AccessDenied"):
        platform.s3(key, secret).list_objects_v2(Bucket=BUCKETS["airflow"])


def test_the_platform_has_neither_a_store_nor_a_database_of_its_own(platform: Outside, day: Taken) -> None:
    pods = platform.cluster.get("pods")
    owned = {
        pod["metadata"]["labels"].get("app.kubernetes.io/name")
        for pod in pods
        if pod["metadata"]["namespace"] in ("database", "deepstorage")
    }
    assert owned <= {"postgres-roles"}
    assert platform.cluster.get("persistentvolumeclaims", "database") == []
    assert platform.cluster.get("persistentvolumeclaims", "deepstorage") == []


def test_logs_of_tasks_are_in_the_other_bucket(platform: Outside, day: Taken) -> None:
    logs = platform.keys("airflow", "logs/")
    assert any(day.ingestion.run_id in key for key in logs), logs[:5]


def test_airflow_talks_to_the_database_outside_over_tls_only(platform: Outside, day: Taken) -> None:
    query = (
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
        "WHERE datname = 'airflow' AND client_addr IS NOT NULL"
    )
    assert {*master(platform, query)} == {"t"}
    assert master(platform, "SELECT rolsuper FROM pg_roles WHERE rolname IN ('airflow', 'postgres')") == ["f", "f"]


def test_airflow_refuses_a_server_of_another_name(platform: Outside, day: Taken) -> None:
    """The same server under a name that its certificate does not have, and the right one."""
    program = (
        "import os, sys, psycopg2\n"
        "for host in sys.argv[1:]:\n"
        "    try:\n"
        "        psycopg2.connect(host=host, user='airflow', dbname='airflow', "
        "password=os.environ['POSTGRES_PASSWORD']).close()\n"
        "        print('connected')\n"
        "    except psycopg2.OperationalError as error:\n"
        "        print('certificate' if 'does not match host name' in str(error) else error)\n"
    )
    words = ["python", "-c", program, HOST, "database.outside"]
    said = platform.cluster.execute(
        "orchestrator", "deployment/airflow-scheduler", words, doing="connect to the database outside"
    )
    assert said.split() == ["connected", "certificate"]


def test_no_pod_has_a_key_of_the_platforms_own_store(platform: Outside, day: Taken) -> None:
    text = json.dumps(platform.cluster.get("pods"))
    assert "outside-store" in text
    assert "minio-secrets" not in text
