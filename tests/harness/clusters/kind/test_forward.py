import sys
from pathlib import Path

import pytest

from harness.clusters.kind.forward import Forward, forward_command, listens
from tests.harness.clusters.kind.kubectl import FORWARDING
from tests.harness.programs import program
from tests.live.forward import free_port
from tests.processes import wait_for


def test_kubectl_listens_on_the_loopback_interface_only() -> None:
    command = forward_command(["kubectl", "--context", "c"], "jupyter", "jupyterlab", 8888, 9999)
    assert command == [
        *("kubectl", "--context", "c", "port-forward"),
        *("--namespace=jupyter", "--address=127.0.0.1", "service/jupyterlab", "9999:8888"),
    ]


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    return program(tmp_path / "kubectl", f"#!{sys.executable}\n{FORWARDING}")


def test_kubectl_is_started_again_when_its_pod_is_gone_though_nobody_connects(
    kubectl: Path, tmp_path: Path
) -> None:
    port, pods = free_port(), tmp_path / "pods"
    pods.write_text("first")
    forward = Forward([str(kubectl), str(port), str(pods)], port, check_seconds=0.05)
    forward.start()
    try:
        wait_for(lambda: (tmp_path / "first").exists() and listens(port), "kubectl for the first pod")
        pods.write_text("second")
        wait_for(lambda: (tmp_path / "second").exists() and listens(port), "kubectl for the second pod")
    finally:
        forward.stop()
    assert not listens(port)


def test_a_port_where_nothing_listens_does_not_listen() -> None:
    assert not listens(free_port())
