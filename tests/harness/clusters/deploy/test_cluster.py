from pathlib import Path

import pytest

from harness.clusters.deploy.cluster import connect
from harness.clusters.kind.cluster import Cluster
from harness.errors import HarnessError
from tests.harness.programs import program


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache without clusters, and a kubectl that names the current context of any kubeconfig."""
    kubectl = program(tmp_path / "kubectl", "echo current")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(Cluster, "exists", lambda _: False)
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


def test_a_cluster_of_another_cache_folder_is_told_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "exists", lambda _: True)
    with pytest.raises(HarnessError) as caught:
        connect()
    assert str(caught.value) == (
        f"The cluster lakehouse has no kubeconfig in {tmp_path}/cache/clusters/lakehouse, because it was created "
        "under another cache folder or by kind itself: set HARNESS_CACHE_DIR to that folder, or remove it with "
        "'harness cluster down --name lakehouse'."
    )


def test_without_docker_there_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: Cluster) -> bool:
        raise HarnessError("Docker does not answer.")

    monkeypatch.setattr(Cluster, "exists", unreachable)
    with pytest.raises(HarnessError, match=r"^There is no cluster lakehouse: "):
        connect()
