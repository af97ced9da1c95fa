import ipaddress
import json
from pathlib import Path

import pytest
import yaml

from harness.clusters.kind.cluster import NETWORK_FILES
from harness.clusters.kind.config import kind_config, node_names, pod_network, pod_subnet

NETWORK = Path("/state with spaces/t-control-plane.conflist")


def test_a_sandboxed_machine_gets_the_gate_of_user_namespaces() -> None:
    config = kind_config(networks=[NETWORK], every_capability=False, cgroup_version=2)
    assert config["featureGates"] == {"KubeletInUserNamespace": True}
    assert "featureGates" not in kind_config(networks=[NETWORK], every_capability=True, cgroup_version=2)


def test_the_pods_network_is_ours_and_the_api_is_on_this_machine_only() -> None:
    config = kind_config(networks=[NETWORK], every_capability=True, cgroup_version=2, api_port=6443)
    assert config["networking"] == {
        "disableDefaultCNI": True,
        "kubeProxyMode": "nftables",
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": 6443,
    }
    assert config["nodes"][0]["extraMounts"] == [
        {"hostPath": str(NETWORK), "containerPath": "/etc/cni/net.d/10-ptp.conflist", "readOnly": True}
    ]


@pytest.mark.parametrize(("version", "tells"), [(1, True), (2, False)])
def test_kubelet_starts_on_a_machine_with_the_old_control_groups(version: int, *, tells: bool) -> None:
    config = kind_config(networks=[NETWORK], every_capability=True, cgroup_version=version)
    assert ("kubeadmConfigPatches" in config) is tells
    for patch in config.get("kubeadmConfigPatches", []):
        kubelet = yaml.safe_load(patch)
        assert (kubelet["kind"], kubelet["failCgroupV1"]) == ("KubeletConfiguration", False)


def test_each_worker_is_a_node_with_a_network_of_its_own() -> None:
    networks = [NETWORK, Path("/w1"), Path("/w2")]
    nodes = kind_config(networks=networks, every_capability=True, cgroup_version=2)["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert [node["extraMounts"][0]["hostPath"] for node in nodes] == [str(network) for network in networks]
    assert node_names("t", len(nodes) - 1) == ["t-control-plane", "t-worker", "t-worker2"]
    assert node_names("t", 1) == ["t-control-plane", "t-worker"]
    assert node_names("t", 0) == ["t-control-plane"]


def test_pods_of_different_nodes_have_different_addresses_in_one_network_without_translation() -> None:
    text = (NETWORK_FILES / "10-ptp.conflist").read_text(encoding="utf-8")
    networks = [json.loads(pod_network(text, number))["plugins"][0]["ipam"]["ranges"] for number in range(3)]
    pods = ipaddress.IPv4Network("10.244.0.0/16")
    for number, [[own]] in enumerate(networks):
        subnet = ipaddress.IPv4Network(pod_subnet(number))
        first, last, gateway = (ipaddress.IPv4Address(own[name]) for name in ("rangeStart", "rangeEnd", "gateway"))
        assert {address in subnet for address in (gateway, first, last)} == {True}
        assert gateway < first < last
        # The plug-in translates the addresses of what leaves this network.
        assert ipaddress.IPv4Network(own["subnet"]) == pods
        assert subnet.subnet_of(pods)
    assert len({pod_subnet(number) for number in range(3)}) == 3
