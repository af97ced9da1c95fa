"""The platform with components/sign-in, on the cluster that `harness e2e --sign-in` has brought up."""

from collections.abc import Iterator

import pytest

from harness.clusters.deploy.cluster import connect
from harness.clusters.e2e.run import SIGN_IN
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from tests.live.forward import Forwards
from tests.live.platform import Platform
from tests.sign_in_cluster.entrance import HOSTS, Entrance
from tests.sign_in_cluster.prepare import PROVIDER


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster."""
    made = Cluster(SIGN_IN.cluster)
    return connect(made.kubeconfig, made.context)


@pytest.fixture(scope="session")
def platform(cluster: Kubectl) -> Iterator[Platform]:
    """The platform."""
    with Forwards(cluster) as forwards:
        yield Platform(cluster, forwards)


@pytest.fixture(scope="session")
def entrance(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Entrance:
    """The way in for people."""

    def port(service: str, number: int) -> int:
        return int(platform.forwards.address("outside", service, number).rpartition(":")[2])

    ports = {("https", PROVIDER): port("login", 443)}
    for scheme, number in (("http", 80), ("https", 443)):
        ports |= {(scheme, host): port("traefik", number) for host in HOSTS}
    authority = tmp_path_factory.mktemp("authority") / "ca.crt"
    authority.write_text(platform.secret("outside", "authority")["tls.crt"], encoding="utf-8")
    return Entrance(ports, authority)
