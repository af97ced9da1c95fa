"""The two workers of the cluster: what runs on which, and how one is emptied."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from harness.clusters.deploy.wait import ARGOCD, is_available
from harness.clusters.kind import objects
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.objects import Object
from tests.live.wait import until
from tests.nodes.prepare import VOLUMES

SCHEDULERS: Final = "app.kubernetes.io/component=scheduler"
WEBSERVERS: Final = "app.kubernetes.io/component=webserver"
_OUTSIDE: Final = ("alert-receiver", "git-server", "mock-api")
"""Pods that stand for what is outside of the cluster, and so do not leave with one of its nodes."""
_DRAIN_SECONDS: Final = 300
_WHOLE_SECONDS: Final = 420


@dataclass(frozen=True)
class Workers:
    """The worker with both stores' volumes, and the other one."""

    cluster: Kubectl
    volumes: str
    other: str

    @classmethod
    def of(cls, cluster: Kubectl) -> "Workers":
        nodes = {objects.name(node): node for node in cluster.get("nodes")}
        (volumes,) = [name for name, node in nodes.items() if VOLUMES in node["metadata"]["labels"]]
        (other,) = [
            name
            for name, node in nodes.items()
            if name != volumes and "node-role.kubernetes.io/control-plane" not in node["metadata"]["labels"]
        ]
        return cls(cluster, volumes, other)

    def pods(self, node: str, namespace: str, selector: str) -> list[Object]:
        """Those that run on a node."""
        where = f"--field-selector=status.phase=Running,spec.nodeName={node}"
        return self.cluster.get("pods", namespace, f"--selector={selector}", where)

    @contextmanager
    def closed(self, node: str) -> Iterator[None]:
        """New pods go to the other worker."""
        self.cluster.run("cordon", node, doing=f"close {node} to new pods")
        try:
            yield
        finally:
            self.open(node)

    def open(self, node: str) -> None:
        self.cluster.run("uncordon", node, doing=f"open {node} again")

    def drain(self, node: str) -> None:
        """Empties a node as an administrator does, by force: no controller but Airflow recreates a task's pod."""
        options = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={_DRAIN_SECONDS}s"]
        stays = f"--pod-selector=app.kubernetes.io/name notin ({','.join(_OUTSIDE)})"
        self.cluster.run("drain", node, *options, stays, doing=f"drain {node}", timeout=_DRAIN_SECONDS + 60)

    def spread(self) -> None:
        """Gives each worker one scheduler and one webserver again: Kubernetes moves no pod by itself."""
        for selector in (SCHEDULERS, WEBSERVERS):
            for node in (self.volumes, self.other):
                for pod in map(objects.name, self.pods(node, "orchestrator", selector)[1:]):
                    self.cluster.run("delete", "pod", pod, "--namespace=orchestrator", doing=f"move {pod}")

    def wait_until_whole(self) -> None:
        """Everything runs, and Argo CD says that it is as git has it."""

        def whole() -> bool | None:
            workloads = self.cluster.get("deployments.apps,statefulsets.apps")
            return (all(map(is_available, workloads)) and not self.unhealthy()) or None

        until(whole, what="all runs and is Synced and Healthy", seconds=_WHOLE_SECONDS, state=self._missing)

    def unhealthy(self) -> list[str]:
        """The Applications that are not both Synced and Healthy."""
        applications = self.cluster.get("applications.argoproj.io", ARGOCD)
        return [objects.name(item) for item in applications if _words(item) != ("Synced", "Healthy")]

    def _missing(self) -> str:
        workloads = self.cluster.get("deployments.apps,statefulsets.apps")
        return ", ".join([*(objects.name(item) for item in workloads if not is_available(item)), *self.unhealthy()])


def _words(application: Object) -> tuple[str, str]:
    status = objects.status(application)
    return str((status.get("sync") or {}).get("status")), str((status.get("health") or {}).get("status"))
