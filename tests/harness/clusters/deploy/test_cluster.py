from pathlib import Path

import pytest

from harness.clusters.deploy.cluster import connect
from harness.errors import HarnessError
from tests.harness.programs import program


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache without clusters, and a kubectl that names the current context of any kubeconfig."""
    kubectl = program(tmp_path / "kubectl", "echo current")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    for module in ("harness.clusters.deploy.cluster", "harness.clusters.kind.cluster"):
        monkeypatch.setattr(f"{module}.kubectl_program", lambda: kubectl)


def config(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_without_a_word_it_is_the_cluster_of_cluster_up(tmp_path: Path) -> None:
    file = config(tmp_path / "cache" / "clusters" / "lakehouse" / "kubeconfig")
    assert connect().command[1:] == ["--kubeconfig", str(file), "--context", "kind-lakehouse"]


def test_of_a_kubeconfig_it_is_the_current_context_unless_one_is_named(tmp_path: Path) -> None:
    file = config(tmp_path / "config")
    assert connect(file).command[1:] == ["--kubeconfig", str(file), "--context", "current"]
    assert connect(file, "other").command[1:] == ["--kubeconfig", str(file), "--context", "other"]


@pytest.mark.parametrize(
    ("named", "message"),
    [(None, "There is no cluster lakehouse: "), ("nowhere", "There is no kubeconfig .*nowhere: ")],
)
def test_no_cluster_is_one_sentence(tmp_path: Path, named: str | None, message: str) -> None:
    with pytest.raises(HarnessError, match=f"^{message}make one with 'harness cluster up'") as caught:
        connect(tmp_path / named if named else None)
    assert caught.value.exit_code == 2
