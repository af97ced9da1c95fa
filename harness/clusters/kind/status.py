"""The state of a cluster in a few lines."""

from dataclasses import dataclass, field

from harness.clusters.docker.client import docker
from harness.clusters.kind import objects
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.problems import PodProblem, pod_problems
from harness.errors import HarnessError


@dataclass(frozen=True)
class Status:
    """The state of a cluster.

    Attributes:
        summary: Version and pods, or why it does not answer.
        well: Whether it answers, and no pod has a problem now.
    """

    name: str
    exists: bool
    summary: str = ""
    kubeconfig: str = ""
    well: bool = False
    problems: list[PodProblem] = field(default_factory=list)


def status(cluster: Cluster) -> Status:
    if not cluster.exists():
        return Status(cluster.name, exists=False)
    kubeconfig = str(cluster.kubeconfig)
    for node in cluster.containers():
        running = docker("inspect", "--format", "{{.State.Status}}", node, doing=f"inspect {node}").strip()
        if running != "running":
            summary = f"its container is {running}: 'docker start {node}' may bring it back"
            return Status(cluster.name, exists=True, summary=summary, kubeconfig=kubeconfig)
    if cluster.lacking:
        return Status(cluster.name, exists=True, summary=cluster.lacking)
    try:
        kubectl = cluster.kubectl
        nodes = kubectl.get("nodes", None, "--request-timeout=10s")
        pods = kubectl.get("pods", None, "--request-timeout=10s")
    except HarnessError as error:
        return Status(cluster.name, exists=True, summary=f"it does not answer: {error}", kubeconfig=kubeconfig)
    unready = [objects.name(node) for node in nodes if not objects.holds(node, "Ready")]
    problems = pod_problems(pods)
    running_pods = sum(item["status"]["phase"] == "Running" for item in pods)
    summary = (
        f"Kubernetes {nodes[0]['status']['nodeInfo']['kubeletVersion']}, {_nodes(len(nodes), unready)}, "
        f"{running_pods} of {len(pods)} pods running"
    )
    return Status(
        cluster.name,
        exists=True,
        summary=summary,
        kubeconfig=kubeconfig,
        well=not unready and not any(problem.now for problem in problems),
        problems=problems,
    )


def _nodes(count: int, unready: list[str]) -> str:
    """How the nodes are, in words.

    >>> _nodes(1, []), _nodes(3, []), _nodes(3, ["t-worker"])
    ('node ready', '3 nodes ready', 't-worker not ready')
    """
    if unready:
        return f"{', '.join(unready)} not ready"
    return "node ready" if count == 1 else f"{count} nodes ready"
