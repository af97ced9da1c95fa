"""kind's configuration of a cluster."""

from pathlib import Path
from typing import Any, Final

_ON_CGROUP_V1: Final = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
"""
"""From Kubernetes 1.35 on, kubelet refuses to start with the old hierarchy unless it is told not to."""


def kind_config(*, network: Path, every_capability: bool, cgroup_version: int, api_port: int = 0) -> dict[str, Any]:
    """A cluster of one node, whose pods the ptp plug-in connects.

    Args:
        network: The plug-in's configuration, a file on the machine where Docker's daemon runs.
        every_capability: Whether the machine grants CAP_SYS_RESOURCE; without it, kubelet must not insist on
            raising limits and scores, as in a user namespace.
        cgroup_version: Of the control groups' hierarchy on that machine.
        api_port: The port of the API server on 127.0.0.1; any free one when 0.
    """
    mount = {"hostPath": str(network), "containerPath": f"/etc/cni/net.d/{network.name}", "readOnly": True}
    networking = {
        # kind's own plug-in is in upstream's node image only.
        "disableDefaultCNI": True,
        # Not in iptables' table, which kube-router rewrites as a whole and so would undo kube-proxy's changes.
        "kubeProxyMode": "nftables",
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": api_port,
    }
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [{"role": "control-plane", "extraMounts": [mount]}],
    }
    if cgroup_version < 2:
        config["kubeadmConfigPatches"] = [_ON_CGROUP_V1]
    if not every_capability:
        config["featureGates"] = {"KubeletInUserNamespace": True}
    return config
