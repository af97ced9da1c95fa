from pathlib import Path

from harness.clusters.kind.config import kind_config

NETWORK = Path("/state with spaces/10-ptp.conflist")


def test_a_sandboxed_machine_gets_the_gate_of_user_namespaces() -> None:
    config = kind_config(network=NETWORK, every_capability=False)
    assert config["featureGates"] == {"KubeletInUserNamespace": True}
    assert "featureGates" not in kind_config(network=NETWORK, every_capability=True)


def test_the_pods_network_is_ours_and_the_api_is_on_this_machine_only() -> None:
    config = kind_config(network=NETWORK, every_capability=True, api_port=6443)
    assert config["networking"] == {
        "disableDefaultCNI": True,
        "kubeProxyMode": "nftables",
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": 6443,
    }
    assert config["nodes"][0]["extraMounts"] == [
        {"hostPath": str(NETWORK), "containerPath": "/etc/cni/net.d/10-ptp.conflist", "readOnly": True}
    ]
