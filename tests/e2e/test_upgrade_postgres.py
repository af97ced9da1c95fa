"""PostgreSQL 15 becomes 17, and 15 again, with the steps of docs/upgrading.md."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from harness.clusters.docker.client import docker
from harness.clusters.docker.registry import answers, pull
from harness.clusters.images import tags
from harness.clusters.images.inputs import files, stage
from harness.clusters.images.recipes import recipe
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.load import load
from harness.manifests.images import ImageReference
from harness.paths import ROOT
from tests.live.airflow import Run
from tests.live.database import Database
from tests.live.platform import Platform
from tests.live.proof import INGESTION, TRANSFORMATION, Proof, Shown
from tests.live.served import ServedBranch
from tests.live.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.full]

OVERLAY: Final = Path("overlays/minikube") / tags.FILE
"""What the tests' overlay has its images from."""
NAME: Final = "postgres"
SUITE: Final = "trixie"
"""The suite of Debian that has the new version."""
NEW: Final = ImageReference("docker.io/library/postgres", f"17-{SUITE}", "")
SECONDS: Final = 600
WRITTEN: Final = {"ab_user", "connection", "dag_run", "dataset_event", "log", "task_instance"}
"""Tables that have rows after a day."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The new image is on the cluster's node: the registry's, or one that is built as the old one is."""
    how = recipe(NEW.repository)
    assert how is not None
    if answers(str(NEW)):
        pull(str(NEW))
    else:
        context = tmp_path_factory.mktemp("postgres")
        stage(files(how.ignore, ROOT), context, ROOT)
        arguments = ["--build-arg=MAJOR=17", f"--build-arg=SUITE={SUITE}", f"--tag={NEW}"]
        docker("build", *arguments, f"--file={how.dockerfile}", context, doing=f"build {NEW}")
    load(Cluster(), [str(NEW)])


@pytest.fixture(scope="module")
def served(cluster: Kubectl) -> Iterator[ServedBranch]:
    """Leaves the served branch as it was."""
    served = ServedBranch(cluster)
    first = served.head()
    yield served
    served.reset(first)
    until(served.followed, what="every Application follows the first commit again", seconds=SECONDS)


@pytest.fixture(scope="module")
def database(platform: Platform) -> Database:
    return Database(platform)


class Connection:
    """A connection with a password, which Airflow encrypts, through its command line."""

    name: Final = "upgrade-probe"

    def __init__(self, cluster: Kubectl) -> None:
        self.cluster = cluster
        self.password = secrets.token_hex(20)

    def _run(self, *words: str) -> str:
        command = ["airflow", "connections", *words]
        doing = f"{words[0]} a connection of Airflow"
        return self.cluster.execute("orchestrator", "deployment/airflow-scheduler", command, doing=doing)

    def add(self) -> None:
        self._run("add", self.name, "--conn-type=http", f"--conn-password={self.password}")

    def found(self) -> str:
        (found,) = json.loads(self._run("get", self.name, "--output=json"))
        return str(found["password"])

    def delete(self) -> None:
        self._run("delete", self.name)


@pytest.fixture(scope="module")
def connection(cluster: Kubectl, first: Shown) -> Iterator[Connection]:
    connection = Connection(cluster)
    connection.add()
    yield connection
    connection.delete()


@pytest.fixture(scope="module")
def first(proof: Proof) -> Shown:
    """What the API showed on a day that reached gold."""
    return proof.first().shown


@dataclass
class Before:
    """What the first scenario leaves to the last: the old server's commit, image and dump, and the history."""

    commit: str = ""
    image: str = ""
    dump: bytes = b""
    runs: Mapping[str, list[Run]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def before() -> Before:
    return Before()


def runs(platform: Platform) -> Mapping[str, list[Run]]:
    return {dag: platform.airflow.runs(dag) for dag in (INGESTION, TRANSFORMATION)}


def version(database: Database) -> str:
    return database.psql("SHOW server_version").partition(".")[0]


def test_the_new_server_has_every_row_of_the_old_one(
    platform: Platform,
    loaded: None,
    served: ServedBranch,
    database: Database,
    connection: Connection,
    before: Before,
    record_property: Callable[[str, object], None],
) -> None:
    assert version(database) == "15"
    before.commit, before.image = served.head(), str(tags.images(OVERLAY, served.read(OVERLAY.as_posix()))[NAME])
    before.runs, began = runs(platform), time.monotonic()
    database.stop_airflow()
    before.dump = database.back_up()
    rows = database.rows()
    assert {name for name, row in rows.items() if not row.startswith("0|")} >= WRITTEN

    overlay = tags.with_images(OVERLAY, served.read(OVERLAY.as_posix()), {NAME: NEW})
    served.commit({OVERLAY.as_posix(): overlay.encode()}, "Upgrade PostgreSQL to 17")
    database.empty(str(NEW))
    database.restore(before.dump)
    assert version(database) == "17"
    assert database.rows() == rows
    record_property("the dump is restored", round(time.monotonic() - began))

    database.resume()
    database.until_airflow_is_usable()
    record_property("Airflow is usable", round(time.monotonic() - began))
    assert runs(platform) == before.runs
    assert connection.found() == connection.password


def test_a_day_runs_on_the_new_server(platform: Platform, served: ServedBranch, proof: Proof, first: Shown) -> None:
    until(served.followed, what="every Application follows the commit", seconds=SECONDS)
    proof.take(first)


def test_the_dump_leads_back_to_the_old_server(
    platform: Platform,
    served: ServedBranch,
    database: Database,
    connection: Connection,
    before: Before,
    record_property: Callable[[str, object], None],
) -> None:
    since, began = runs(platform), time.monotonic()
    database.stop_airflow()
    served.revert(before.commit)
    database.empty(before.image)
    database.restore(before.dump)
    assert version(database) == "15"
    database.resume()
    database.until_airflow_is_usable()
    record_property("Airflow is usable", round(time.monotonic() - began))
    assert runs(platform) == before.runs
    assert connection.found() == connection.password
    record_property("runs that were lost", sum(map(len, since.values())) - sum(map(len, before.runs.values())))
