"""Airflow's database, backed up and restored with the steps of docs/restore-postgres.md."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

from harness.clusters.deploy.wait import ARGOCD
from tests.live.airflow import AwayError
from tests.live.platform import Platform
from tests.live.wait import HopelessError, until

AIRFLOW: Final = tuple(f"deployment/airflow-{name}" for name in ("scheduler", "webserver", "triggerer"))
_PODS: Final = "app.kubernetes.io/name=airflow"
"""Its processes, and the workers of tasks that run."""
_SKIP: Final = "argocd.argoproj.io/skip-reconcile"
SECONDS: Final = 600
"""How long a Job, or Airflow's start, may take."""
_SERVER: Final = ("-h", "127.0.0.1", "-U")
_PASSWORDS: Final = {
    "postgres": ("postgres-secrets", "postgres-password"),
    "airflow": ("postgres-airflow", "password"),
}
ROWS: Final = """
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\\n'' ORDER BY t::text)) FROM %I.%I t',
              tablename, schemaname, tablename)
FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename \\gexec
"""
"""Statements for psql: number and checksum of the rows of each table."""


class Database:
    """The database `airflow` of a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.cluster = platform.cluster

    def stop_airflow(self) -> None:
        """Stops all that writes to it; Argo CD leaves Airflow as it is from here on."""
        self._annotate(f"{_SKIP}=true")
        self.cluster.run("scale", *AIRFLOW, "--replicas=0", "--namespace=orchestrator", doing="stop Airflow")

        def ended() -> bool | None:
            # Nobody deletes the pod of a task that ends after the scheduler.
            unfinished = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"
            return not self.cluster.get("pods", "orchestrator", f"--selector={_PODS}", unfinished) or None

        until(ended, what="no pod of Airflow runs", seconds=SECONDS)

    def resume(self) -> None:
        """Starts Airflow by a whole sync, which begins with the migration."""
        self._annotate(f"{_SKIP}-")
        self.sync("orchestrator")

    def sync(self, application: str = "database") -> None:
        """That of the database runs the Job `postgres-roles`, which makes the database if there is none."""
        patch = json.dumps({"operation": {"sync": {}}, "status": {"operationState": None}})
        options = [f"--namespace={ARGOCD}", "--type=merge", f"--patch={patch}"]
        self.cluster.run("patch", "application", application, *options, doing=f"sync {application}")

    def _annotate(self, annotation: str) -> None:
        options = [f"--namespace={ARGOCD}", "--overwrite", annotation]
        self.cluster.run("annotate", "application", "orchestrator", *options, doing="tell Argo CD about Airflow")

    def back_up(self) -> bytes:
        """Runs the nightly backup now; returns its dump from the bucket."""
        before = set(self._dumps())
        run_now(self.platform, "database", "postgres-backup")
        (key,) = set(self._dumps()) - before
        return self.platform.read("airflow", key)

    def _dumps(self) -> list[str]:
        return self.platform.keys("airflow", "backups/postgres/")

    def drop(self) -> None:
        self.psql("DROP DATABASE airflow WITH (FORCE)")

    def restore(self, dump: bytes) -> None:
        """Restores a dump into the empty database, once it is there."""
        self.until_made()
        self.program("airflow", "pg_restore", ["--dbname=airflow", "--no-owner", "--exit-on-error"], dump)

    def empty(self, image: str) -> None:
        """Once Argo CD has given the server an image, deletes it with its data; Argo CD makes an empty one."""
        find = ("--field-selector=metadata.name=postgres",)

        def has_image() -> bool | None:
            (found,) = self.cluster.get("statefulsets.apps", "database", *find)
            return found["spec"]["template"]["spec"]["containers"][0]["image"] == image or None

        until(has_image, what=f"the StatefulSet postgres has {image}", seconds=SECONDS)
        what = ("statefulset/postgres", "persistentvolumeclaim/data-postgres-0")
        self.cluster.run("delete", *what, "--namespace=database", doing="delete the server", timeout=SECONDS)

    def until_made(self) -> None:
        there = "SELECT 1 FROM pg_database WHERE datname = 'airflow'"

        def made() -> bool | None:
            try:
                return self.psql(there) == "1" or None
            except HopelessError:
                return None  # There is no server yet.

        until(made, what="the Job postgres-roles has made the database", seconds=SECONDS)

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Runs SQL as the superuser."""
        options = ["--dbname", database, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        return self.program("postgres", "psql", [*options, "--file=-"], statement.encode()).strip()

    def rows(self) -> Mapping[str, str]:
        return by_table(self.psql(ROWS, "airflow"))

    def program(self, user: str, name: str, options: Sequence[str], stdin: bytes = b"") -> str:
        """Runs a program of PostgreSQL in its pod; the password is the first line of its input."""
        secret, key = _PASSWORDS[user]
        password = self.platform.secret("database", secret)[key]
        script = 'IFS= read -r PGPASSWORD && export PGPASSWORD && exec "$@"'
        words = self.cluster.exec_words("database", "pod/postgres-0")
        # Of two containers, the one that runs the server.
        words[words.index("--") : words.index("--")] = ["--container=postgres"]
        command = [*words, "bash", "-c", script, "sh", name, *_SERVER, user, *options]
        done = subprocess.run(
            command, input=f"{password}\n".encode() + stdin, capture_output=True, check=False, timeout=300
        )
        if done.returncode != 0:
            raise HopelessError(f"{name} failed in database/postgres-0: {done.stderr.decode()[-1000:].strip()}.")
        return done.stdout.decode()

    def until_airflow_is_usable(self, seconds: float = SECONDS) -> None:
        def usable() -> bool | None:
            self.platform.forwards.renew("orchestrator")
            try:
                if self.platform.airflow.health().get("scheduler") != "healthy":
                    return None
                self.platform.airflow.dags()
            except (AwayError, OSError):
                return None
            return True

        until(usable, what="Airflow is usable", seconds=seconds)


def by_table(printed: str) -> Mapping[str, str]:
    r"""What psql prints for `ROWS`, without aligning it, by the name of the table.

    >>> by_table("dag|3|8ba4\nvariable|0|")
    {'dag': '3|8ba4', 'variable': '0|'}
    """
    return {name: rest for name, _, rest in (line.partition("|") for line in printed.splitlines())}


def run_now(platform: Platform, namespace: str, cronjob: str) -> None:
    """Runs a CronJob's Job, to its good end."""
    cluster, name = platform.cluster, f"{cronjob}-{int(time.time())}"
    options = [f"--namespace={namespace}", f"--from=cronjob/{cronjob}"]
    cluster.run("create", "job", name, *options, doing=f"run {cronjob}")

    def ended() -> bool | None:
        (job,) = cluster.get("jobs.batch", namespace, f"--field-selector=metadata.name={name}")
        conditions = {item["type"]: item for item in job.get("status", {}).get("conditions") or []}
        if "Failed" in conditions:
            raise HopelessError(f"Job {namespace}/{name} failed: {conditions['Failed'].get('message')}.")
        return "Complete" in conditions or None

    until(ended, what=f"Job {namespace}/{name} ends", seconds=300)
