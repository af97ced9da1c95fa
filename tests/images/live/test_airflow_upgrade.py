"""A newer Airflow migrates the database of an older one, and a dump leads back: both images and one PostgreSQL.

Without Kubernetes: neither the Job nor the restart of the Deployments is in it.
"""

import base64
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from harness.clusters.docker.client import docker
from harness.clusters.images.build import build, job
from harness.clusters.images.inputs import files, stage
from harness.clusters.images.recipes import Recipe, recipe
from harness.clusters.without_registry.base import ensure_base
from harness.machine.packages import NETWORK_HINT, uv
from harness.machine.process import run as run_program
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT
from tests.images.live.conftest import Run, Start
from tests.live.database import ROWS, by_table
from tests.live.wait import until

HERE: Final = Path(__file__).parent / "airflow_upgrade"
OLD: Final = "lakehouse/airflow:upgrade-probe"
UNTIL: Final = "2026-01-15"
"""The old image has no package that is newer."""
VERSIONS: Final = ("2.10.2", "2.11.2")
SCHEMAS: Final = ("22ed7efa9da2", "5f2621c13b39")
"""The newest migration of each version, by its name in Airflow's airflow/migrations/versions."""
DAG: Final = "upgrade-probe"
WRITTEN: Final = {"ab_user", "connection", "dag_run", "dataset_event", "task_instance", "xcom"}
"""Tables that have rows before the upgrade."""
WRITTEN_ANEW: Final = {"alembic_version", "dag", "dag_code", "dataset", "log", "serialized_dag"}
"""Tables that `airflow db migrate` writes to: its name, that it ran, and what the DAGs' files say."""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The platform's image with an older Airflow."""
    how, tree = recipe("lakehouse/airflow"), tmp_path_factory.mktemp("checkout")
    assert how is not None
    stage(files(how.ignore, ROOT), tree, ROOT)
    shutil.copytree(how.folder, tree / "images" / "airflow")
    lock = tree / "requirements" / "image-airflow.txt"
    lock.unlink()
    options = ["--quiet", "--generate-hashes", "--python-version=3.11.2", f"--exclude-newer={UNTIL}"]
    command = [str(uv()), "pip", "compile", *options, str(HERE / "old.in"), "-o", str(lock)]
    run_program(command, doing="resolve old.in", hint=NETWORK_HINT, env=with_certificates(os.environ))
    theirs = Recipe(tree / "images" / "airflow", own=True, root=tree)
    build(job(OLD, theirs, base=ensure_base(pull=True)), print)
    return OLD


class Database:
    """A PostgreSQL in a container, without a network but its own."""

    def __init__(self, container: str) -> None:
        self.container = container
        until(self._ready, what="PostgreSQL answers", seconds=120)
        self.psql("CREATE DATABASE airflow", "postgres")

    def _ready(self) -> bool | None:
        words = ("exec", self.container, "sh", "-c", "pg_isready --host=127.0.0.1 --quiet && echo yes || echo no")
        return docker(*words, doing="ask PostgreSQL").strip() == "yes" or None

    def _run(self, *words: str) -> str:
        where = ("--host=127.0.0.1", "--username=postgres")
        return docker("exec", self.container, words[0], *where, *words[1:], doing=f"run {words[0]}")

    def psql(self, statement: str, database: str = "airflow") -> str:
        command = f"psql --host=127.0.0.1 --username=postgres --dbname={database} --no-psqlrc --quiet -At"
        script = f"{command} --set=ON_ERROR_STOP=1 <<'SQL'\n{statement}\nSQL"
        return docker("exec", self.container, "sh", "-c", script, doing="run SQL").strip()

    def rows(self) -> Mapping[str, str]:
        return by_table(self.psql(ROWS))

    def schema(self) -> str:
        return self.psql("SELECT version_num FROM alembic_version")

    def dump(self) -> None:
        self._run("pg_dump", "--format=custom", "--file=/data/dump", "--dbname=airflow")

    def restore(self) -> None:
        self.psql("DROP DATABASE airflow WITH (FORCE)", "postgres")
        self.psql("CREATE DATABASE airflow", "postgres")
        self._run("pg_restore", "--dbname=airflow", "--exit-on-error", "/data/dump")


@pytest.fixture
def database(image: Callable[[str], str], start: Start) -> Database:
    script = """
initdb --pgdata=/data/pg --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
exec postgres -D /data/pg -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp
"""
    options = ("--network=none", "--tmpfs=/data:uid=999,gid=999,mode=700")
    return Database(start(image("postgres"), "sh", "-ec", script, options=options))


@pytest.fixture
def airflow(database: Database, run: Run) -> Callable[..., str]:
    """Runs Airflow's command line with an image."""
    settings = {
        "AIRFLOW__CORE__DAGS_FOLDER": "/probe",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://postgres@127.0.0.1/airflow",
        "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_hex(20),
    }
    options = [f"--env={name}={value}" for name, value in settings.items()]
    options += [f"--volume={HERE}:/probe:ro", "--tmpfs=/opt/airflow/home:uid=50000,gid=50000"]

    def call(image: str, *words: str) -> str:
        network = f"container:{database.container}"
        return run(image, "airflow", *words, options=tuple(options), network=network)

    return call


def runs(database: Database) -> str:
    return database.psql("SELECT run_id, state FROM dag_run ORDER BY id")


def test_a_newer_airflow_migrates_and_a_dump_leads_back(
    old: str, image: Callable[[str], str], database: Database, airflow: Callable[..., str]
) -> None:
    new, password = image("airflow"), secrets.token_hex(20)
    for name, version in zip((old, new), VERSIONS, strict=True):
        assert version in airflow(name, "version").splitlines()

    airflow(old, "db", "migrate")
    user = ("--username=probe", "--role=Admin", "--firstname=A", "--lastname=B", "--email=probe@localhost")
    airflow(old, "users", "create", *user, f"--password={secrets.token_hex(20)}")
    airflow(old, "connections", "add", "probe", "--conn-type=http", f"--conn-password={password}")
    airflow(old, "dags", "reserialize")
    airflow(old, "dags", "test", DAG)
    before, first = database.rows(), runs(database)
    assert database.schema() == SCHEMAS[0]
    assert {name for name, row in before.items() if not row.startswith("0|")} >= WRITTEN
    assert first.endswith("|success")
    database.dump()

    airflow(new, "db", "migrate")
    assert database.schema() == SCHEMAS[1]
    after = database.rows()
    assert {name for name in before if after.get(name) != before[name]} <= WRITTEN_ANEW
    assert f'"password": "{password}"' in airflow(new, "connections", "get", "probe", "--output=json")
    airflow(new, "dags", "reserialize")
    airflow(new, "dags", "test", DAG)
    assert runs(database).startswith(f"{first}\n")
    assert runs(database).endswith("|success")

    with pytest.raises(AssertionError, match=SCHEMAS[1]):
        airflow(old, "db", "migrate")
    database.restore()
    assert database.rows() == before
    airflow(old, "db", "check-migrations", "--migration-wait-timeout=1")
    airflow(old, "dags", "test", DAG)
    assert runs(database).startswith(f"{first}\n")
    assert runs(database).endswith("|success")
