import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.clusters.docker.client import docker
from harness.clusters.images.recipes import recipe
from harness.clusters.images.wanted import Wanted
from harness.clusters.images.work import Origin, Plan, ensure

from .conftest import Run, Start

pytestmark = pytest.mark.docker

PATIENCE_SECONDS = 300
# Folder -> command that only tells a version, and what it has to print.
ANSWERS = {
    "alertmanager": (("--version",), r"alertmanager, version 0\.\d+"),
    "argocd": (("argocd", "version", "--client"), r"argocd: v3\.3\.0"),
    "kube-state-metrics": (("version",), r"v?2\.\d+\.\d+"),
    "minio": (("minio", "--version"), r"minio version RELEASE\.\d{4}-"),
    "mock-api": (("--help",), r"Serve a mock of the Open Brewery DB"),
    "postgres": (("postgres", "--version"), r"PostgreSQL\) 15\."),
    "postgres-exporter": (("--version",), r"postgres_exporter, version 0\.\d+"),
    "prometheus": (("--version",), r"prometheus, version 3\."),
    "redis": (("--version",), r"Redis server v=\d"),
    "spark": (("python3", "-c", "import pyspark; print(pyspark.__version__)"), r"^3\.5\."),
    "spark-operator": (("version",), r"Spark Operator Version: 2\.3\.0"),
    "statsd-exporter": (("--version",), r"statsd_exporter, version 0\.\d+"),
    "jupyter": (("jupyter", "lab", "--version"), r"^\d+\.\d+\.\d+"),
}


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {PATIENCE_SECONDS} s"
        time.sleep(0.5)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def address(container: str) -> str:
    form = "{{.NetworkSettings.IPAddress}}"
    return docker("inspect", "--format", form, container, doing="look up an address").strip()


def test_none_is_lacking_and_a_second_build_does_nothing(plans: list[Plan], images: list[Wanted]) -> None:
    assert [plan.name for plan in plans if plan.origin is Origin.NONE] == []

    assert {plan.origin for plan in ensure(images)} == {Origin.PRESENT}


def test_each_runs_as_nobody_in_particular_and_says_what_it_is(
    images: list[Wanted], plans: list[Plan], inspect: Callable[[str], dict[str, Any]]
) -> None:
    for image in images:
        config = inspect(image.name)["Config"]
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"]), image.name
        labels = config["Labels"]
        assert re.fullmatch(r"[0-9a-f]{16}", labels["lakehouse.inputs"]), image.name
        assert re.fullmatch(r"[0-9a-f]{40}(-modified)?|unknown", labels["org.opencontainers.image.revision"])
        assert labels["org.opencontainers.image.title"], image.name
        assert re.search(r"\d+\.\d+", labels["org.opencontainers.image.version"]), image.name
        how = recipe(image.repository)
        assert how is not None
        assert labels.get("lakehouse.stands-in-for") == (None if how.own else image.name)


@pytest.mark.parametrize("folder", ANSWERS)
def test_its_program_answers_without_rights_or_a_writable_root(
    folder: str, image: Callable[[str], str], run: Run
) -> None:
    command, expected = ANSWERS[folder]

    assert re.search(expected, run(image(folder), *command), re.MULTILINE)


def test_airflow_reads_the_dags_and_has_its_providers(image: Callable[[str], str], run: Run) -> None:
    script = (
        "import psycopg2, s3fs\n"
        "import airflow.providers.amazon, airflow.providers.cncf.kubernetes, airflow.providers.fab\n"
        "from airflow.models import DagBag\n"
        "bag = DagBag('/opt/airflow/dags', include_examples=False)\n"
        "print('DAGS', sorted(bag.dag_ids), bag.import_errors)\n"
    )
    home = ("--tmpfs=/opt/airflow/home:uid=50000,gid=50000",)

    printed = run(image("airflow"), "python", "-c", script, options=home)

    expected = ["brew-maintenance", "brew-process-transformation", "brewapi-ingestion-validation-minio"]
    assert f"DAGS {expected} {{}}" in printed
    assert re.search(r"^2\.11\.", run(image("airflow"), "airflow", "version", options=home), re.MULTILINE)


def test_spark_writes_and_reads_a_delta_table_and_has_the_jobs(image: Callable[[str], str], run: Run) -> None:
    script = (
        "from lakehouse.session import session_config\n"
        "import brewery.contract\n"
        "from pyspark.sql import SparkSession\n"
        "builder = SparkSession.builder.master('local[1]')\n"
        "for key, value in session_config({}).items(): builder = builder.config(key, value)\n"
        "spark = builder.getOrCreate()\n"
        "spark.range(7).write.format('delta').save('/tmp/table')\n"
        "print('ROWS', spark.read.format('delta').load('/tmp/table').count())\n"
        "spark._jvm.java.lang.Class.forName('org.apache.hadoop.fs.s3a.S3AFileSystem')\n"
        "print('S3A')\n"
    )

    printed = run(image("spark"), "python3", "-c", script, options=("--env=HOME=/tmp", "--hostname=localhost"))

    assert "ROWS 7" in printed
    assert "S3A" in printed


def test_a_driver_has_its_options_and_the_classes_of_the_archive(image: Callable[[str], str], run: Run) -> None:
    """As Spark starts it on Kubernetes: settings are in a file, with backslashes, in a folder of the class path."""
    script = (
        "printf '%s\\n' 'spark.driver.memory=300m' 'spark.driver.extraJavaOptions=-Xlog\\:class+load -Da\\=b'"
        " >/tmp/spark.properties && exec /opt/entrypoint.sh driver --version"
    )
    options = ("--hostname=localhost", "--env=SPARK_CONF_DIR=/tmp", "--env=SPARK_DRIVER_BIND_ADDRESS=127.0.0.1")

    printed = run(image("spark"), "bash", "-c", script, options=options)

    assert "version 3.5." in printed
    assert "org.apache.spark.deploy.SparkSubmit source: shared objects file (top)" in printed


def test_the_operator_has_sparks_spark_submit(image: Callable[[str], str], run: Run) -> None:
    options = ("--entrypoint=/opt/spark/bin/spark-submit", "--env=HOME=/tmp", "--hostname=localhost")

    assert "version 3.5." in run(image("spark-operator"), "--version", options=options)


def test_argo_cd_has_what_it_calls(image: Callable[[str], str], run: Run) -> None:
    script = (
        "kustomize version; git --version; gpg --version | head -n 1; test -x /usr/lib/git-core/git-daemon;"
        "for name in gpg-wrapper.sh git-verify-wrapper.sh argocd-server argocd-repo-server"
        " argocd-application-controller; do command -v $name; done"
    )

    printed = run(image("argocd"), "sh", "-ec", script)

    version = re.search(r"^v(\d+)\.(\d+)", printed, re.MULTILINE)
    assert version
    # The overlays' replacements reach into text since 5.8.
    assert (int(version[1]), int(version[2])) >= (5, 8)
    assert "/usr/local/bin/argocd-application-controller" in printed


def test_postgres_makes_a_cluster_and_answers(repo: Path, image: Callable[[str], str], start: Start) -> None:
    """As the init container and the container of base/database do."""
    script = (
        "mkdir -p /tmp/secret && echo test-only >/tmp/secret/password\n"
        "sed 's|/run/secrets/postgres|/tmp/secret|' /scripts/initialise.sh >/tmp/initialise.sh\n"
        "sh /tmp/initialise.sh && exec postgres --unix_socket_directories=/tmp\n"
    )
    scripts = repo / "base" / "database" / "scripts"

    container = start(
        image("postgres"),
        *("sh", "-ec", script),
        options=("--env=PGDATA=/tmp/data/pgdata", f"--volume={scripts}:/scripts:ro", "--network=none"),
    )

    def ready() -> bool:
        command = ["docker", "exec", container, "pg_isready", "--host=127.0.0.1", "--username=postgres"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    until(ready, "PostgreSQL's answer")
    for program in ("psql", "pg_dump", "pg_restore", "stat"):
        docker("exec", container, program, "--version", doing=f"ask {program}")


def test_minio_serves_and_its_client_reaches_it(image: Callable[[str], str], start: Start) -> None:
    """As base/deepstorage runs them; the backup runs the client as 999."""
    root = ("--env=MINIO_ROOT_USER=test-only", "--env=MINIO_ROOT_PASSWORD=test-only-password")
    container = start(
        image("minio"),
        *("minio", "server", "/data", "--address=:9000", "--certs-dir=/tmp/certs"),
        options=("--tmpfs=/data:uid=1000,gid=1000", "--env=HOME=/tmp", *root),
    )

    until(lambda: answers(f"http://{address(container)}:9000/minio/health/ready"), "MinIO's answer")

    host = "--env=MC_HOST_store=http://test-only:test-only-password@127.0.0.1:9000"
    client = ("exec", "--user=999:999", "--env=MC_CONFIG_DIR=/tmp/other", host, container, "mc")
    docker(*client, "mb", "store/lakehouse", doing="make a bucket")
    assert "lakehouse" in docker(*client, "ls", "store", doing="list the buckets")


def test_redis_takes_options_as_argo_cd_gives_them(image: Callable[[str], str], start: Start) -> None:
    container = start(image("redis"), "--save", "", "--appendonly", "no", "--requirepass test-only")

    def pong() -> bool:
        command = ["docker", "exec", "--env=REDISCLI_AUTH=test-only", container, "redis-cli", "ping"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "PONG\n"

    until(pong, "Redis' answer")


def test_the_mocked_api_serves(image: Callable[[str], str], start: Start) -> None:
    container = start(
        image("mock-api"), "--host=0.0.0.0", "--port=8000", "--breweries=50", options=("--user=65534",)
    )
    base = f"http://{address(container)}:8000"

    until(lambda: answers(f"{base}/healthz"), "the mock API's answer")

    assert len(requests.get(f"{base}/v1/breweries", params={"per_page": 7}, timeout=120).json()) == 7


@pytest.mark.parametrize(
    ("folder", "options", "path"),
    [
        ("statsd-exporter", ("--web.listen-address=:9091",), ":9091/-/healthy"),
        ("postgres-exporter", ("--web.listen-address=:9187",), ":9187/"),
        ("alertmanager", ("--config.file=/dev/null", "--storage.path=/tmp/data"), ":9093/-/ready"),
        ("prometheus", ("--config.file=/dev/null", "--storage.tsdb.path=/tmp/data"), ":9090/-/ready"),
    ],
)
def test_where_the_probes_ask_there_is_an_answer(
    folder: str, options: tuple[str, ...], path: str, image: Callable[[str], str], start: Start
) -> None:
    source = "--env=DATA_SOURCE_NAME=postgresql://test-only@127.0.0.1:1/x?sslmode=disable"

    container = start(image(folder), *options, options=(source,))

    until(lambda: answers(f"http://{address(container)}{path}"), f"{folder}'s answer")


def test_jupyterlab_comes_up_behind_its_token(image: Callable[[str], str], start: Start) -> None:
    container = start(
        image("jupyter"),
        *("jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--ServerApp.root_dir=/home/jovyan"),
        options=("--tmpfs=/home/jovyan:uid=1000,gid=1000", "--env=JUPYTER_TOKEN=test-only"),
    )
    base = f"http://{address(container)}:8888"

    until(lambda: answers(f"{base}/login"), "JupyterLab's answer")

    assert requests.get(f"{base}/api/contents", timeout=120).status_code == 403
    assert requests.get(f"{base}/api/contents", params={"token": "test-only"}, timeout=120).status_code == 200
    script = "import duckdb, deltalake, pyarrow, pyspark, delta; print('imported')"
    assert "imported" in docker("exec", container, "python3", "-c", script, doing="import the libraries")
