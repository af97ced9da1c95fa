"""Which cluster is meant: the one of `harness cluster up`, unless a kubeconfig or a context is named."""

from dataclasses import replace
from pathlib import Path

from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl, kubectl_program
from harness.errors import HarnessError, UsageError


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Kubectl:
    """Kubectl for a context of a kubeconfig: by default the kind cluster's, or a named file's current context."""
    ours = Cluster()
    file = kubeconfig or ours.kubeconfig
    if kubeconfig is None and ours.lacking and _exists(ours):
        raise HarnessError(f"The cluster {ours.name} has {ours.lacking}.")
    if not file.is_file():
        hint = "make one with 'harness cluster up', or name another with --kubeconfig and --context"
        missing = f"There is no kubeconfig {kubeconfig}" if kubeconfig else f"There is no cluster {ours.name}"
        raise UsageError(f"{missing}: {hint}.")
    if kubeconfig is None and context is None:
        return ours.kubectl
    cluster = Kubectl(file, context or "", kubectl_program())
    return cluster if context is not None else replace(cluster, context=cluster.current_context())


def _exists(cluster: Cluster) -> bool:
    try:
        return cluster.exists()
    except HarnessError:
        return False  # Without Docker there is no cluster of 'harness cluster up'.
