"""kind's configuration of a cluster, and its pods' network."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_ON_CGROUP_V1: Final = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
"""
"""From Kubernetes 1.35 on, kubelet refuses to start with the old hierarchy unless it is told not to."""

_PODS: Final = "10.244"
"""The first half of all pods' addresses."""


def kind_config(
    *, networks: Sequence[Path], every_capability: bool, cgroup_version: int, api_port: int = 0
) -> dict[str, Any]:
    """A cluster of a control plane and workers, whose pods the ptp plug-in connects.

    Args:
        networks: The plug-in's configuration on each node, the control plane first: files on the machine where
            Docker's daemon runs.
        every_capability: Whether the machine grants CAP_SYS_RESOURCE; without it, kubelet must not insist on
            raising limits and scores, as in a user namespace.
        cgroup_version: Of the control groups' hierarchy on that machine.
        api_port: The port of the API server on 127.0.0.1; any free one when 0.
    """
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
        "nodes": [
            {"role": "worker" if number else "control-plane", "extraMounts": [_mount(network)]}
            for number, network in enumerate(networks)
        ],
    }
    if cgroup_version < 2:
        config["kubeadmConfigPatches"] = [_ON_CGROUP_V1]
    if not every_capability:
        config["featureGates"] = {"KubeletInUserNamespace": True}
    return config


def _mount(network: Path) -> dict[str, Any]:
    return {"hostPath": str(network), "containerPath": "/etc/cni/net.d/10-ptp.conflist", "readOnly": True}


def node_names(cluster: str, workers: int) -> list[str]:
    """The names that kind gives to the nodes of a configuration, in its order.

    >>> node_names("t", 2)
    ['t-control-plane', 't-worker', 't-worker2']
    """
    numbers = ["", *map(str, range(2, workers + 1))] if workers else []
    return [f"{cluster}-control-plane", *(f"{cluster}-worker{number}" for number in numbers)]


def pod_network(plug_in: str, node: int) -> str:
    """The plug-in's configuration on the node of that number, whose pods have addresses of its `pod_subnet`."""
    configuration = json.loads(plug_in)
    ((addresses,),) = configuration["plugins"][0]["ipam"]["ranges"]
    start = f"{_PODS}.{node}"
    addresses |= {"gateway": f"{start}.1", "rangeStart": f"{start}.2", "rangeEnd": f"{start}.254"}
    return json.dumps(configuration, indent=2)


def pod_subnet(node: int) -> str:
    return f"{_PODS}.{node}.0/24"
