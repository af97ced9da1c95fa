import io
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from harness.clusters.deploy.phases import Phases
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.entrance import Doors
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.objects import Object
from harness.clusters.up import work
from harness.clusters.up.pages import PAGES, chosen_ports
from harness.clusters.up.steps import Run
from harness.errors import HarnessError
from tests.live.forward import free_port

PORTS = {page.option: page.local for page in PAGES}


class FakeKubectl(Kubectl):
    """The kubectl of a cluster with the platform's Services, but without Grafana."""

    def get(self, kinds: str, namespace: str | None = None, *selection: str) -> list[Object]:
        services = {(page.namespace, page.service) for page in PAGES if page.name != "Grafana"}
        assert kinds == "services"
        return [{"metadata": {"namespace": where, "name": name}} for where, name in services | {("a", "other")}]


class FakeCluster(Cluster):
    def exists(self) -> bool:
        return self.kubeconfig.is_file()

    @property
    def kubectl(self) -> Kubectl:
        return FakeKubectl(self.kubeconfig, self.context, Path("kubectl"))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    return FakeCluster("probe")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Doors]]:
    """The doors that were opened."""
    calls: list[tuple[Path, Doors]] = []
    monkeypatch.setattr(work, "open_doors", lambda folder, doors: calls.append((folder, doors)))
    return calls


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_ports() -> dict[str, int]:
    return {name: free_port() for name in PORTS}


def run_nothing(command: Sequence[str]) -> int:
    raise AssertionError(command)


def open_platform(cluster: Cluster, run: Run, ports: dict[str, int], environment: str = "e2e") -> list[str]:
    phases = Phases(Console(file=io.StringIO()))
    return [page.name for page in work.open_platform(phases, run, environment, cluster, ports)]


def test_the_pages_of_the_services_that_there_are_get_doors(
    cluster: Cluster, opened: list[tuple[Path, Doors]]
) -> None:
    commands: list[str] = []

    def run(command: Sequence[str]) -> int:
        commands.append(" ".join(command[3:5]))
        return 0

    ports = free_ports()
    pages = open_platform(cluster, run, ports)
    assert commands == ["cluster up", "images build", "images load", "deploy e2e"]
    assert pages == [page.name for page in PAGES if page.name != "Grafana"]
    ((folder, doors),) = opened
    assert folder == cluster.folder
    assert set(doors) == {port for name, port in ports.items() if name != "grafana"}
    assert doors[ports["minio"]][-2:] == ["service/minio", f"{ports['minio']}:9001"]


@pytest.mark.parametrize(
    ("stopped_in", "done"), [("cluster up", 1), ("images build", 2), ("images load", 3), ("deploy", 4)]
)
def test_an_interruption_keeps_what_is_done_and_says_how_to_go_on(
    cluster: Cluster, opened: list[tuple[Path, Doors]], stopped_in: str, done: int
) -> None:
    commands: list[str] = []

    def run(command: Sequence[str]) -> int:
        commands.append(" ".join(command[3:]))
        if commands[-1].startswith(stopped_in):
            raise KeyboardInterrupt
        return 0

    with pytest.raises(HarnessError, match=r"^Interrupted: what is done is kept: run it again") as caught:
        open_platform(cluster, run, free_ports())
    assert caught.value.exit_code == 130
    assert len(commands) == done
    assert opened == []


@pytest.mark.parametrize("page", list(PORTS))
def test_a_port_in_use_is_named_before_anything_runs(cluster: Cluster, page: str, busy: int) -> None:
    with pytest.raises(
        HarnessError, match=f"^Port {busy} on 127.0.0.1, meant for {page}, is in use .*--port {page}=PORT.$"
    ):
        open_platform(cluster, run_nothing, free_ports() | {page: busy})


def test_a_port_of_an_own_entrance_is_free(busy: int) -> None:
    work.check_free({"airflow": busy}, {busy})


def test_a_cluster_of_another_cache_folder_fails_before_anything_runs(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeCluster, "exists", lambda _: True)
    with pytest.raises(HarnessError, match=r"^The cluster probe has no kubeconfig in "):
        open_platform(cluster, run_nothing, free_ports())


def test_without_docker_its_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match=r"^There is no docker command: install Docker"):
        open_platform(Cluster("probe"), run_nothing, free_ports())


def test_the_listing_has_addresses_and_commands_but_no_password(cluster: Cluster) -> None:
    said = work.listing(PAGES, PORTS | {"airflow": 8081}, cluster)
    for address in ("http://127.0.0.1:8081", "https://127.0.0.1:8443", "http://127.0.0.1:9001"):
        assert address in said
    assert "harness secrets show airflow-secrets --context kind-probe --reveal" in said
    assert f"export KUBECONFIG={cluster.kubeconfig}" in said
    assert "harness cluster down" in said


def test_every_secret_of_a_page_is_in_the_catalogue() -> None:
    from harness.manifests.catalogue import read

    catalogue = read()
    for page in PAGES:
        if page.secret:
            secret = catalogue.named(page.secret)
            assert secret.place.namespace == page.namespace


def test_ports_are_chosen_by_page() -> None:
    assert chosen_ports([]) == PORTS
    assert chosen_ports(["argo-cd=1", "minio=65535"]) == PORTS | {"argo-cd": 1, "minio": 65535}
    # Two pages may swap theirs.
    assert chosen_ports(["airflow=9090", "prometheus=8080"])["prometheus"] == 8080


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("airflo=8081", "There is no page 'airflo'; did you mean 'airflow'"),
        ("airflow", "--port airflow has no port: write PAGE=PORT, such as airflow=8081"),
        ("airflow=", "has no port"),
        ("airflow=0", "has no port"),
        ("airflow=65536", "has no port"),
        ("airflow=-1", "has no port"),
        ("airflow=²", "has no port"),
        ("airflow=9090", "Port 9090 is meant for airflow and for prometheus"),
    ],
)
def test_a_wrong_port_is_explained(option: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message) as caught:
        chosen_ports([option])
    assert caught.value.exit_code == 2
