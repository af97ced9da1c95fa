from pathlib import Path

import pytest
import yaml

from harness.clusters.kind.config import kind_config

NETWORK = Path("/state with spaces/10-ptp.conflist")


def test_a_sandboxed_machine_gets_the_gate_of_user_namespaces() -> None:
    config = kind_config(network=NETWORK, every_capability=False, cgroup_version=2)
    assert config["featureGates"] == {"KubeletInUserNamespace": True}
    assert "featureGates" not in kind_config(network=NETWORK, every_capability=True, cgroup_version=2)


def test_the_pods_network_is_ours_and_the_api_is_on_this_machine_only() -> None:
    config = kind_config(network=NETWORK, every_capability=True, cgroup_version=2, api_port=6443)
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
    config = kind_config(network=NETWORK, every_capability=True, cgroup_version=version)
    assert ("kubeadmConfigPatches" in config) is tells
    for patch in config.get("kubeadmConfigPatches", []):
        kubelet = yaml.safe_load(patch)
        assert (kubelet["kind"], kubelet["failCgroupV1"]) == ("KubeletConfiguration", False)
