"""The platform on two workers, on the cluster that `harness e2e --nodes` has brought up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from harness.clusters.deploy.cluster import connect
from harness.clusters.e2e.run import NODES
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from tests.live.forward import Forwards
from tests.live.platform import Platform
from tests.live.proof import Proof
from tests.live.session import reader
from tests.nodes.workers import Workers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_configure(config: pytest.Config) -> None:
    """Pyspark leaves the sockets over which rows are collected to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster."""
    made = Cluster(NODES.cluster)
    return connect(made.kubeconfig, made.context)


@pytest.fixture(scope="session")
def workers(cluster: Kubectl) -> Workers:
    """Its workers."""
    return Workers.of(cluster)


@pytest.fixture(scope="session")
def platform(cluster: Kubectl) -> Iterator[Platform]:
    """The platform."""
    with Forwards(cluster) as forwards:
        yield Platform(cluster, forwards)


@pytest.fixture(scope="session")
def proof(platform: Platform) -> Proof:
    """Runs days on it."""
    return Proof(platform)


@pytest.fixture(scope="session")
def spark(platform: Platform) -> Iterator["SparkSession"]:
    """A session on this machine that may read everything."""
    session = reader(platform.s3_endpoint, *platform.credentials("deepstorage"))
    yield session
    session.stop()
