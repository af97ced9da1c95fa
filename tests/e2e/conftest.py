"""The platform on a cluster that `harness e2e` has brought up, and days of the mock API on it."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brewery.contract.layout import Layout
from harness.clusters.deploy.cluster import connect
from harness.clusters.kind.kubectl import Kubectl
from tests.live.forward import Forwards
from tests.live.platform import Platform
from tests.live.proof import Proof, Taken
from tests.live.session import reader
from tests.oracle.lakehouse import Expected

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ORDER = (
    "test_waves",
    "test_gitops",
    "test_pipeline",
    "test_gold",
    "test_silver",
    "test_bronze",
    "test_access",
    "test_pods",
    "test_secrets",
    "test_storage",
    "test_network",
    "test_jupyter",
    "test_monitoring",
    "test_history",
    "test_fence",
    "test_maintenance",
    "test_browser",
    "test_release",
    "test_offsite",
    "test_faults",
    "test_upgrade_postgres",
)
"""Modules in the order in which they run: first what needs no table, last what breaks things."""


def pytest_configure(config: pytest.Config) -> None:
    """Pyspark leaves the sockets over which rows are collected to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules in order; a module that is not named runs after those that are."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        return ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER)

    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            # The first one waits for both days.
            item.add_marker(pytest.mark.timeout(1800))
    own = sorted((item for item in items if here in item.path.parents), key=place)
    items[:] = [item for item in items if here not in item.path.parents] + own


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The running cluster (`harness cluster up`, `harness deploy e2e`)."""
    return connect(None, None)


@pytest.fixture(scope="session")
def forwards(cluster: Kubectl) -> Iterator[Forwards]:
    """Its Services' ports on this machine."""
    with Forwards(cluster) as forwards:
        yield forwards


@pytest.fixture(scope="session")
def platform(cluster: Kubectl, forwards: Forwards) -> Platform:
    """The platform."""
    return Platform(cluster, forwards)


@pytest.fixture(scope="session")
def proof(platform: Platform) -> Proof:
    """Runs days on it."""
    return Proof(platform)


@pytest.fixture(scope="session")
def begun(request: pytest.FixtureRequest, proof: Proof) -> Future[tuple[Taken, Taken]]:
    """The first two days, which take minutes; begun where a test of this run needs them."""
    days: Future[tuple[Taken, Taken]] = Future()

    def take() -> None:
        try:
            days.set_result(proof.first_two())
        except BaseException as failure:  # noqa: BLE001 - raised by the tests that need the days
            days.set_exception(failure)

    if any("days" in getattr(item, "fixturenames", ()) for item in request.session.items):
        # A pool would hold up a run that is interrupted.
        threading.Thread(target=take, daemon=True).start()
    return days


@pytest.fixture(scope="session")
def days(begun: Future[tuple[Taken, Taken]]) -> tuple[Taken, Taken]:
    """The first two days, all the way to gold; run now unless this cluster has them already."""
    return begun.result()


@pytest.fixture(scope="session")
def expected(proof: Proof, days: tuple[Taken, Taken]) -> Expected:
    """What the lakehouse must hold after those days, and whatever ran since."""
    return proof.expected()


@pytest.fixture(scope="session")
def spark(platform: Platform) -> Iterator["SparkSession"]:
    """A session on this machine that may read everything."""
    session = reader(platform.s3_endpoint, *platform.credentials("deepstorage"))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def layout() -> Layout:
    """Where the tables lie, for Spark."""
    return Layout("s3a://lakehouse")
