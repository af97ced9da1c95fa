"""The platform with components/aws-s3 and aws-rds, on the cluster that `harness e2e --aws` has brought up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from harness.clusters.deploy.cluster import connect
from harness.clusters.e2e.run import AWS
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from tests.aws.outside import Outside
from tests.aws.prepare import STORE
from tests.live.forward import Forwards
from tests.live.proof import Proof, Taken
from tests.live.session import reader

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_configure(config: pytest.Config) -> None:
    """Pyspark leaves the sockets over which rows are collected to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster."""
    made = Cluster(AWS.cluster)
    return connect(made.kubeconfig, made.context)


@pytest.fixture(scope="session")
def platform(cluster: Kubectl) -> Iterator[Outside]:
    """The platform."""
    with Forwards(cluster) as forwards:
        yield Outside(cluster, forwards)


@pytest.fixture(scope="session")
def proof(platform: Outside) -> Proof:
    """Runs days on it."""
    return Proof(platform)


@pytest.fixture(scope="session")
def day(proof: Proof) -> Taken:
    """The first day, all the way to gold."""
    return proof.first()


@pytest.fixture(scope="session")
def spark(platform: Outside) -> Iterator["SparkSession"]:
    """A session on this machine that may read everything in the store outside."""
    session = reader(platform.s3_endpoint, *platform.credentials("outside", STORE))
    yield session
    session.stop()
