"""PostgreSQL's scripts as the pods run them, against a real PostgreSQL 15: start, roles, backup, restore."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def bin_folder() -> Path:
    program = shutil.which("initdb")
    if program:
        folder = Path(program).resolve().parent
    elif (DEBIAN / "initdb").exists():
        folder = DEBIAN
    else:
        pytest.skip("no PostgreSQL: install version 15 (Debian's package `postgresql-15`)")
    version = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    if " 15." not in version:
        pytest.skip(f"the platform runs PostgreSQL 15, this machine has {version.strip()}")
    return folder


class Server:
    """A server made by the platform's scripts, and the scripts with the pods' folders replaced by ours."""

    def __init__(self, scripts: Path, bin_folder: Path, folder: Path) -> None:
        # PostgreSQL refuses to run as root; its pods do not either.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            "PATH": f"{bin_folder}:/usr/bin:/bin",
            "PGDATA": str(folder / "data" / "pgdata"),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
            "PGPASSWORD": "superuser-of-the-test",
            "AIRFLOW_PASSWORD": "first",
            "METRICS_PASSWORD": "metrics",
        }
        for name in ("data", "backup", "run", "scripts"):
            (folder / name).mkdir()
        (folder / "password").write_text(self.environment["PGPASSWORD"], encoding="utf-8")
        for script in scripts.glob("*.sh"):
            text = script.read_text(encoding="utf-8")
            text = text.replace("/run/secrets/postgres/password", str(folder / "password"))
            text = text.replace("/backup", str(folder / "backup"))
            (folder / "scripts" / script.name).write_text(text, encoding="utf-8")
        if os.geteuid() == 0:
            for path in [folder, *folder.rglob("*")]:
                shutil.chown(path, self.user)

    def start(self) -> subprocess.Popen[bytes]:
        """The server, with the arguments that matter from the StatefulSet."""
        return subprocess.Popen(
            ["postgres", f"--port={self.port}", "--listen_addresses=127.0.0.1",
             f"--unix_socket_directories={self.folder / 'run'}", "--password_encryption=scram-sha-256"],
            env=self.environment, user=self.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def script(self, name: str, **environment: str) -> str:
        """Runs one of the platform's scripts."""
        return self.command("sh", str(self.folder / "scripts" / name), **environment)

    def command(self, *command: str, **environment: str) -> str:
        """Runs a program as the pods' user; raises with its output when it fails."""
        outcome = subprocess.run(
            command, env={**self.environment, **environment}, user=self.user, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if outcome.returncode:
            raise RuntimeError(outcome.stdout + outcome.stderr)
        return outcome.stdout

    def ask(self, query: str, user: str, password: str, database: str = "airflow") -> str:
        """The answer to a query."""
        return self.command("psql", "-Atc", query, PGUSER=user, PGPASSWORD=password, PGDATABASE=database).strip()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own: only its user may enter that, and the server is another.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def server(repo: Path, bin_folder: Path, folder: Path) -> Iterator[Server]:
    server = Server(repo / "base" / "database" / "scripts", bin_folder, folder)
    server.script("initialise.sh")
    process = server.start()
    try:
        while subprocess.run(["pg_isready", "--quiet"], env=server.environment, check=False).returncode:
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        yield server
    finally:
        # Ends the server's processes at once, without waiting for clients.
        process.send_signal(signal.SIGQUIT)
        process.wait()


def test_a_second_start_leaves_the_cluster_alone(server: Server) -> None:
    assert "PostgreSQL 15 cluster found" in server.script("initialise.sh")


def test_the_cluster_has_checksums_and_asks_for_passwords(server: Server) -> None:
    superuser = server.environment["PGPASSWORD"]
    assert server.ask("show data_checksums", "postgres", superuser, "postgres") == "on"
    with pytest.raises(RuntimeError, match="password authentication failed"):
        server.ask("select 1", "postgres", "wrong", "postgres")


def test_roles_follow_the_secrets_and_have_no_more_than_they_need(server: Server) -> None:
    server.script("roles.sh")
    server.script("roles.sh", AIRFLOW_PASSWORD="it's new")
    with pytest.raises(RuntimeError, match="password authentication failed"):
        server.ask("select 1", "airflow", "first")
    server.ask("create table secret_run (id int)", "airflow", "it's new")
    assert server.ask("select count(*) > 0 from pg_stat_activity", "metrics", "metrics", "postgres") == "t"
    with pytest.raises(RuntimeError, match="permission denied for table secret_run"):
        server.ask("select * from secret_run", "metrics", "metrics")
    superuser = server.environment["PGPASSWORD"]
    attributes = (
        "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname in ('airflow', 'metrics')"
    )
    assert server.ask(attributes, "postgres", superuser, "postgres").split() == ["f", "f"]


def test_a_backup_brings_a_dropped_database_back(server: Server) -> None:
    server.script("roles.sh")
    server.ask("create table run as select generate_series(1, 1000) as id", "airflow", "first")
    server.script("dump.sh", PGUSER="airflow", PGPASSWORD="first", PGDATABASE="airflow")
    [dump] = (server.folder / "backup").glob("*.dump")
    assert dump.name.startswith("airflow-")
    superuser = server.environment["PGPASSWORD"]
    server.ask("drop database airflow with (force)", "postgres", superuser, "postgres")
    server.script("roles.sh")
    server.command(
        "pg_restore", "--dbname=airflow", "--no-owner", "--exit-on-error", str(dump),
        PGUSER="airflow", PGPASSWORD="first",
    )  # fmt: skip
    assert server.ask("select sum(id) from run", "airflow", "first") == "500500"


def test_a_dump_that_fails_leaves_no_backup(server: Server) -> None:
    server.script("roles.sh")
    before = set((server.folder / "backup").glob("*.dump"))
    with pytest.raises(RuntimeError, match="password authentication failed"):
        server.script("dump.sh", PGUSER="airflow", PGPASSWORD="wrong", PGDATABASE="airflow")
    assert set((server.folder / "backup").glob("*.dump")) == before
