"""Creates and removes kind clusters.

Each has a folder with its kubeconfig in the cache; the user's own kubeconfig is never touched.
"""

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from harness.clusters.docker.client import LOOK, containers, docker, known_cause
from harness.clusters.docker.install import grants_every_capability
from harness.clusters.kind.config import kind_config, node_names, pod_network, pod_subnet
from harness.clusters.kind.entrance import shut
from harness.clusters.kind.kubectl import Kubectl, kubectl_program, status_hint
from harness.clusters.kind.machine import DaemonInfo, check_machine
from harness.clusters.kind.node import ready_node_image
from harness.console import working
from harness.errors import STOPS, HarnessError
from harness.machine.cache import cache_root, locked
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.machine.tools import tool

DEFAULT_NAME: Final = "lakehouse"
CLUSTER_LABEL: Final = "io.x-k8s.kind.cluster"
"""kind's own label for the containers of a cluster."""
NETWORK: Final = "kind"
NETWORK_FILES: Final = Path(__file__).parent / "network"
READY_SECONDS: Final = 120
ANSWER_SECONDS: Final = 60
"""How much longer than its own time limit kubectl may take."""
SYSTEM: Final = (
    ("kube-system", "daemonset/kube-proxy"),
    ("kube-system", "daemonset/kube-router"),
    ("kube-system", "deployment/coredns"),
    ("local-path-storage", "deployment/local-path-provisioner"),
)
"""What must run before a cluster is ready."""


@dataclass(frozen=True)
class Cluster:
    """A kind cluster by its name, whether or not it exists."""

    name: str = DEFAULT_NAME

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,49}", self.name):
            raise HarnessError(
                f"{self.name!r} cannot be a cluster's name: use at most 50 lower-case letters, digits and dashes."
            )

    @property
    def folder(self) -> Path:
        return cache_root() / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def context(self) -> str:
        return f"kind-{self.name}"

    @property
    def look(self) -> str:
        """The end of an error about it: the command that shows its state."""
        return status_hint(self.name)

    @property
    def node(self) -> str:
        """The name of its node with the control plane, and of that node's container."""
        return f"{self.name}-control-plane"

    def containers(self) -> list[str]:
        """Those of its nodes, whose names they have."""
        return sorted(containers(label=f"{CLUSTER_LABEL}={self.name}"))

    def hosts(self) -> list[str]:
        """The nodes that the platform's pods run on: with workers, all but the control plane."""
        return [name for name in self.containers() if name != self.node] or [self.node]

    def exists(self) -> bool:
        """Whether kind has a cluster of that name, whoever created it."""
        return bool(self.containers())

    @property
    def lacking(self) -> str:
        """What it lacks to be used, and why; empty where it has its kubeconfig."""
        if self.kubeconfig.is_file():
            return ""
        return (
            f"no kubeconfig in {self.folder}, because it was created under another cache folder or by kind itself: "
            f"set HARNESS_CACHE_DIR to that folder, or remove it with 'harness cluster down --name {self.name}'"
        )

    @property
    def kubectl(self) -> Kubectl:
        if self.lacking:
            raise HarnessError(f"The cluster {self.name} has {self.lacking}.")
        return Kubectl(self.kubeconfig, self.context, kubectl_program())


def up(
    cluster: Cluster, *, workers: int = 0, api_port: int = 0, on_failure: Callable[[], None] = lambda: None
) -> None:
    """Creates a cluster and waits until it is ready; an incomplete one is removed, after an interrupt too.

    `on_failure` is called before a cluster that did not become ready is removed, to save its logs.
    """
    info = check_machine()
    _check_name(cluster)
    image = ready_node_image(info, every_capability=grants_every_capability())
    with locked(cluster.folder.parent / f".{cluster.name}.lock"):
        # Another process may have created it while this one waited.
        _check_name(cluster)
        try:
            with working(f"starting the cluster {cluster.name}", usually="1 to 2 minutes") as say:
                _create(cluster, image, info, workers, api_port, say)
                _connect(node_names(cluster.name, workers))
                _finish(cluster, say)
        except BaseException as error:
            try:
                # What cannot be saved must not hide what went wrong.
                with contextlib.suppress(HarnessError):
                    if isinstance(error, HarnessError) and cluster.exists():
                        on_failure()
            finally:
                with _undisturbed(), working(f"removing the cluster {cluster.name} again"):
                    remove(cluster)
            raise


def down(cluster: Cluster) -> bool:
    """Removes a cluster with entrance, volumes, kubeconfig and unused network; returns whether it existed."""
    with locked(cluster.folder.parent / f".{cluster.name}.lock"), working(f"removing the cluster {cluster.name}"):
        existed = cluster.exists()
        remove(cluster)
    return existed


def remove(cluster: Cluster) -> None:
    shut(cluster.folder)
    held = cluster.containers()
    if held:
        docker("rm", "--force", "--volumes", *held, doing=f"remove the cluster {cluster.name}")
    shutil.rmtree(cluster.folder, ignore_errors=True)
    _remove_unused_network()


def _check_name(cluster: Cluster) -> None:
    if cluster.exists():
        raise HarnessError(
            f"There is a cluster {cluster.name} already: {cluster.look}, "
            f"'harness cluster down --name {cluster.name}' removes it."
        )


def _create(
    cluster: Cluster, image: str, info: DaemonInfo, workers: int, api_port: int, say: Callable[[str], None]
) -> None:
    shutil.rmtree(cluster.folder, ignore_errors=True)
    cluster.folder.mkdir(parents=True)
    plug_in = (NETWORK_FILES / "10-ptp.conflist").read_text(encoding="utf-8")
    networks = [cluster.folder / f"{node}.conflist" for node in node_names(cluster.name, workers)]
    for number, network in enumerate(networks):
        network.write_text(pod_network(plug_in, number), encoding="utf-8")
    config = cluster.folder / "kind.yaml"
    settings = kind_config(
        networks=networks,
        every_capability=grants_every_capability(),
        cgroup_version=info.cgroup_version,
        api_port=api_port,
    )
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    options = [f"--name={cluster.name}", f"--image={image}", f"--config={config}"]

    def listen(line: str) -> None:
        if line.startswith(" • "):
            say(f"starting the cluster {cluster.name}: {line[3:].strip()}")

    run(
        # Retained for its logs; `up` removes it.
        [tool("kind"), "create", "cluster", "--retain", *options, f"--kubeconfig={cluster.kubeconfig}"],
        doing=f"start the cluster {cluster.name}",
        hint=LOOK,
        env=with_certificates(os.environ),
        on_line=listen,
        explain=lambda said: create_error(said, cluster.name, api_port),
    )


def create_error(said: str, name: str, api_port: int) -> HarnessError | None:
    """The error for a known failure of `kind create cluster`, from what it printed; else None."""
    if re.search(r"port is already allocated|address already in use", said):
        return HarnessError(
            f"Port {api_port} on 127.0.0.1 is taken: name another, or omit --api-port to get a free one."
        )
    return known_cause(said, doing=f"start the cluster {name}")


def _connect(nodes: list[str]) -> None:
    """Routes between the pods of different nodes, which the ptp plug-in does not make."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    if len(nodes) < 2:
        return
    addresses = docker("inspect", "--format", form, *nodes, doing="find the nodes' addresses").split()
    for node in nodes:
        routes = [
            f"ip route replace {pod_subnet(number)} via {address}"
            for number, address in enumerate(addresses)
            if nodes[number] != node
        ]
        docker("exec", node, "sh", "-ec", "; ".join(routes), doing=f"connect the pods of {node}")


def _finish(cluster: Cluster, say: Callable[[str], None]) -> None:
    """Installs the engine of network policies, and waits for all system workloads."""
    manifest = (NETWORK_FILES / "kube-router.yaml").read_text(encoding="utf-8")
    kubectl = cluster.kubectl
    kubectl.run(
        *("apply", "--filename=-"),
        stdin=manifest.replace("value: control-plane", f"value: {cluster.node}"),
        doing="install the network policies' engine",
        hint=cluster.look,
    )
    end = time.monotonic() + READY_SECONDS
    for namespace, workload in SYSTEM:
        say(f"waiting for {workload.partition('/')[2]}")
        left = max(1, round(end - time.monotonic()))
        kubectl.run(
            *("rollout", "status", workload, f"--namespace={namespace}", f"--timeout={left}s"),
            doing=f"wait for {workload} of the cluster {cluster.name}",
            hint=cluster.look,
            timeout=left + ANSWER_SECONDS,
        )
    kubectl.run(
        *("wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={READY_SECONDS}s"),
        doing=f"wait for the nodes of the cluster {cluster.name}",
        hint=cluster.look,
        timeout=READY_SECONDS + ANSWER_SECONDS,
    )


def _remove_unused_network() -> None:
    form = "{{len .Containers}}"
    with contextlib.suppress(HarnessError):
        if docker("network", "inspect", "--format", form, NETWORK, doing="look at kind's network").strip() == "0":
            docker("network", "rm", NETWORK, doing="remove kind's network")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignores what stops a command, here and in the programs that are started."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
