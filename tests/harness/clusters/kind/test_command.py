import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.clusters.kind.command import app
from harness.exits import ExitCode

READY = {
    "items": [
        {"status": {"nodeInfo": {"kubeletVersion": "v1.34.4"}, "conditions": [{"type": "Ready", "status": "True"}]}}
    ]
}
PODS = {
    "items": [
        {"metadata": {"namespace": "app", "name": "web"}, "status": {"phase": "Running", "containerStatuses": []}}
    ]
}


@pytest.fixture
def running(machine: Path) -> Path:
    assert CliRunner().invoke(app, ["up", "--name", "t"]).exit_code == 0
    (machine / "nodes").write_text(json.dumps(READY))
    (machine / "pods").write_text(json.dumps(PODS))
    return machine


def test_up_says_how_to_reach_it(machine: Path) -> None:
    done = CliRunner().invoke(app, ["up", "--name", "t"])
    assert done.exit_code == 0
    assert "export KUBECONFIG=" in done.stdout
    assert done.stdout.rstrip().endswith("clusters/t/kubeconfig")


def test_status_of_one_that_is_well(running: Path) -> None:
    done = CliRunner().invoke(app, ["status", "--name", "t"])
    assert done.exit_code == 0
    assert "t: Kubernetes v1.34.4, node ready, 1 of 1 pods running" in done.stdout


def test_status_for_a_machine(running: Path) -> None:
    found = json.loads(CliRunner().invoke(app, ["status", "--name", "t", "--format", "json"]).stdout)
    assert (found["exists"], found["well"], found["problems"]) == (True, True, [])


def test_status_of_none(machine: Path) -> None:
    done = CliRunner().invoke(app, ["status", "--name", "t"])
    assert done.exit_code == ExitCode.ATTENTION
    assert "There is no cluster t" in done.stdout


def test_status_of_one_that_does_not_answer(running: Path) -> None:
    (running / "kubectl-fails").write_text("The connection to the server was refused\n")
    done = CliRunner().invoke(app, ["status", "--name", "t"])
    assert done.exit_code == ExitCode.ATTENTION
    assert "does not answer" in done.stdout


def test_status_of_one_whose_node_was_stopped(running: Path) -> None:
    (running / "state").write_text("exited\n")
    done = CliRunner().invoke(app, ["status", "--name", "t"])
    assert done.exit_code == ExitCode.ATTENTION
    assert "docker start t-control-plane" in done.stdout


def test_down_says_whether_there_was_one(running: Path) -> None:
    assert "is gone" in CliRunner().invoke(app, ["down", "--name", "t"]).stdout
    done = CliRunner().invoke(app, ["down", "--name", "t"])
    assert done.exit_code == 0
    assert "There is no cluster t" in done.stdout
