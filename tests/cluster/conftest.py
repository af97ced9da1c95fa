"""A kind cluster for the tests of this folder, made by the harness and driven with pytest-kind.

Not collected by `make test`: `make test-cluster` names it. pytest-kind's options apply: `--keep-cluster` keeps the
cluster for the next run, `--cluster-name` gives it another name.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from pytest_kind import KindCluster

from harness.clusters.kind.cluster import Cluster, down, up
from harness.clusters.kind.kubectl import kubectl_program
from harness.clusters.without_registry.components import STORAGE
from harness.machine.tools import tool

Object = dict[str, Any]
# The one image with a shell that every node holds.
SHELL_IMAGE = f"docker.io/rancher/local-path-provisioner:{STORAGE.version}"
# Answers every connection to port 8080 with one line.
GREETER = (
    "my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;"
    'while (my $client = $server->accept) { print $client "hello\n"; close $client }'
)
GREET = ["perl", "-MIO::Socket::INET", "-e", GREETER]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test time to make the cluster, whose node may have to be built first."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster, up; removed at the end unless `--keep-cluster` says otherwise."""
    made = Cluster(request.config.getoption("cluster_name"))
    keep = request.config.getoption("keep_cluster")
    if not (keep and made.exists()):
        up(made)
    yield made
    if not keep:
        down(made)


@pytest.fixture(scope="session")
def kind_cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> KindCluster:
    """pytest-kind's view of the cluster, with our kind and kubectl."""
    # It makes a folder for its own downloads where it stands.
    with contextlib.chdir(tmp_path_factory.mktemp("pytest-kind")):
        kind = KindCluster(cluster.name, cluster.kubeconfig, kind_path=tool("kind"), kubectl_path=kubectl_program())
        kind.create()
    return kind


@dataclass(frozen=True)
class Namespace:
    """A namespace of one test.

    Attributes:
        kind: The cluster.
        name: Its name.
    """

    kind: KindCluster
    name: str

    def apply(self, *objects: Object) -> None:
        """Applies objects to the namespace."""
        self.kind.kubectl("apply", "--namespace", self.name, "--filename=-", input=yaml.safe_dump_all(objects))

    def get(self, kind: str, name: str) -> Object:
        """One object as the cluster has it."""
        resource: Object = json.loads(
            self.kind.kubectl("get", kind, name, "--namespace", self.name, "--output=json")
        )
        return resource

    def ready(self, *names: str) -> None:
        """Waits for pods."""
        pods = [f"pod/{name}" for name in names]
        self.kind.kubectl("wait", "--namespace", self.name, "--for=condition=Ready", "--timeout=90s", *pods)

    def run(self, pod: str, *command: str) -> str:
        """What a command in a pod prints; a shell reports how it ended as `exit N`."""
        script = '"$@" 2>&1; echo "exit $?"'
        arguments = ("exec", "--namespace", self.name, pod, "--", "bash", "-c", script, "run", *command)
        return str(self.kind.kubectl(*arguments))

    def greeting(self, pod: str, host: str, port: int) -> str:
        """What a pod reads from a TCP server; "" when it gets no connection within four seconds."""
        said = self.run(pod, "timeout", "4", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}; cat <&3")
        return "hello" if said == "hello\nexit 0\n" else ""


def pod(name: str, *command: str, image: str = SHELL_IMAGE, **spec: Any) -> Object:
    """A pod of one container, labelled `app: NAME`."""
    container = {"name": "main", "image": image, "command": list(command), "imagePullPolicy": "IfNotPresent"}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


@pytest.fixture
def namespace(kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for one test."""
    name = request.node.originalname.replace("_", "-")[:50].rstrip("-")
    # One that an earlier run with --keep-cluster left may still be on its way out.
    kind_cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=true")
    kind_cluster.kubectl("create", "namespace", name)
    yield Namespace(kind_cluster, name)
    kind_cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def make_pod() -> Callable[..., Object]:
    """`pod`."""
    return pod


@pytest.fixture
def greeter() -> Object:
    """A pod that greets on port 8080, and is ready when it does."""
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    return pod("greeter", *GREET, container={"readinessProbe": probe})


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds."""

    def wait(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.5)

    return wait
