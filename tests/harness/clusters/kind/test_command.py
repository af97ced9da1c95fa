import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.clusters.kind.command import app
from harness.exits import ExitCode

NODE = {"nodeInfo": {"kubeletVersion": "v1.34.4"}, "conditions": [{"type": "Ready", "status": "True"}]}
POD = {"metadata": {"namespace": "app", "name": "web"}, "status": {"phase": "Running", "containerStatuses": []}}


def status(*options: str) -> Result:
    return CliRunner().invoke(app, ["status", "--name", "t", *options])


@pytest.fixture
def running(machine: Path) -> Path:
    assert CliRunner().invoke(app, ["up", "--name", "t"]).exit_code == 0
    (machine / "nodes").write_text(json.dumps({"items": [{"status": NODE}]}))
    (machine / "pods").write_text(json.dumps({"items": [POD]}))
    return machine


def test_up_says_how_to_reach_it(machine: Path) -> None:
    done = CliRunner().invoke(app, ["up", "--name", "t"])
    assert done.exit_code == 0
    assert "export KUBECONFIG=" in done.stdout
    assert done.stdout.rstrip().endswith("clusters/t/kubeconfig")


def test_status_of_one_that_is_well(running: Path) -> None:
    done = status()
    assert done.exit_code == 0
    assert "t: Kubernetes v1.34.4, node ready, 1 of 1 pods running" in done.stdout


def test_status_for_a_machine(running: Path) -> None:
    shown = json.loads(status("--format", "json").stdout)
    assert (shown["exists"], shown["well"], shown["problems"]) == (True, True, [])


def test_status_of_none(machine: Path) -> None:
    done = status()
    assert done.exit_code == ExitCode.ATTENTION
    assert "There is no cluster t" in done.stdout


def test_status_of_one_of_another_cache_folder(
    running: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "other"))
    done = status()
    assert done.exit_code == ExitCode.ATTENTION
    assert done.stdout == (
        f"t: no kubeconfig in {tmp_path}/other/clusters/t, because it was created under another cache folder or by "
        "kind itself: set HARNESS_CACHE_DIR to that folder, or remove it with 'harness cluster down --name t'\n"
    )


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("kubectl-fails", "The connection to the server was refused\n", "does not answer"),
        ("state", "exited\n", "docker start t-control-plane"),
    ],
    ids=["does not answer", "its node was stopped"],
)
def test_status_of_one_that_is_unwell(running: Path, file: str, content: str, said: str) -> None:
    (running / file).write_text(content)
    done = status()
    assert done.exit_code == ExitCode.ATTENTION
    assert said in done.stdout


def test_down_says_whether_there_was_one(running: Path) -> None:
    assert "is gone" in CliRunner().invoke(app, ["down", "--name", "t"]).stdout
    done = CliRunner().invoke(app, ["down", "--name", "t"])
    assert done.exit_code == 0
    assert "There is no cluster t" in done.stdout
