"""Which cluster is meant: the one of `harness cluster up`, unless a kubeconfig or a context is named."""

from pathlib import Path

from harness.cluster.cluster import Cluster
from harness.cluster.kubectl import kubectl_program
from harness.deploy.kubectl import Kubectl
from harness.errors import HarnessError


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Kubectl:
    """The way to a cluster.

    Args:
        kubeconfig: A kubeconfig; that of `harness cluster up` when None.
        context: One of its contexts; when None, the cluster's of `harness cluster up`, or the file's current one.

    Raises:
        HarnessError: There is no such file or context, or kubectl cannot be had.
    """
    ours = Cluster()
    file = kubeconfig or ours.kubeconfig
    if not file.is_file():
        made = "make one with 'harness cluster up', or name another with --kubeconfig and --context"
        missing = f"There is no kubeconfig {kubeconfig}" if kubeconfig else f"There is no cluster {ours.name}"
        raise HarnessError(f"{missing}: {made}.", exit_code=2)
    cluster = Kubectl(file, context or "", kubectl_program())
    if context is not None:
        return cluster
    if kubeconfig is None:
        return Kubectl(file, ours.context, cluster.program)
    return Kubectl(file, cluster.current_context(), cluster.program)
