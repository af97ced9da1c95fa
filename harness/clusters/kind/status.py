"""How a cluster is, in a few lines."""

from dataclasses import dataclass, field

from harness.clusters.docker.client import docker
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.troubles import Trouble, troubles
from harness.errors import HarnessError


@dataclass(frozen=True)
class Status:
    """A cluster at one moment.

    Attributes:
        name: Its name.
        exists: Whether there is one.
        summary: One sentence's worth: version, pods, or why it does not answer.
        kubeconfig: The file that reaches it.
        well: Whether it answers, and nothing on it is in trouble now.
        troubles: What is, or was, wrong with its pods.
    """

    name: str
    exists: bool
    summary: str = ""
    kubeconfig: str = ""
    well: bool = False
    troubles: list[Trouble] = field(default_factory=list)


def status(cluster: Cluster) -> Status:
    """Looks at a cluster."""
    if not cluster.exists():
        return Status(cluster.name, exists=False)
    place = str(cluster.kubeconfig)
    running = docker("inspect", "--format", "{{.State.Status}}", cluster.node, doing="inspect the node").strip()
    if running != "running":
        summary = f"its container is {running}: 'docker start {cluster.node}' may bring it back"
        return Status(cluster.name, exists=True, summary=summary, kubeconfig=place)
    if not cluster.kubeconfig.is_file():
        summary = "not made by 'harness cluster up': 'kind export kubeconfig' reaches it"
        return Status(cluster.name, exists=True, summary=summary)
    try:
        kubectl = cluster.kubectl
        nodes = kubectl.get("nodes", None, "--request-timeout=10s")
        pods = kubectl.get("pods", None, "--request-timeout=10s")
    except HarnessError as error:
        return Status(cluster.name, exists=True, summary=f"it does not answer: {error}", kubeconfig=place)
    node = nodes[0]["status"]
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["conditions"])
    found = troubles(pods)
    counted = sum(item["status"]["phase"] == "Running" for item in pods)
    summary = (
        f"Kubernetes {node['nodeInfo']['kubeletVersion']}, node {'ready' if ready else 'not ready'}, "
        f"{counted} of {len(pods)} pods running"
    )
    return Status(
        cluster.name,
        exists=True,
        summary=summary,
        kubeconfig=place,
        well=ready and not any(trouble.now for trouble in found),
        troubles=found,
    )
