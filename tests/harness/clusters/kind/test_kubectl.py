import dataclasses
from pathlib import Path

import pytest

from harness.clusters.kind.kubectl import Kubectl, kubectl_program
from harness.clusters.without_registry.components import KUBERNETES
from harness.errors import HarnessError
from tests.harness.programs import program


@pytest.fixture
def cluster(tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path / "kube config", "some-context", tmp_path / "kubectl")


def says(cluster: Kubectl, script: str) -> None:
    program(cluster.program, script)


def test_it_works_on_the_named_cluster_only(cluster: Kubectl) -> None:
    says(cluster, 'printf "%s|" "$@"')
    done = cluster.execute("outside", "deployment/git-server", ["git", "show", "main:a b"], doing="read")
    assert done.split("|")[:-1] == [
        *("--kubeconfig", str(cluster.kubeconfig), "--context", "some-context"),
        *("exec", "--stdin", "--quiet", "--namespace=outside", "deployment/git-server", "--"),
        *("git", "show", "main:a b"),
    ]


def test_nothing_of_a_kind_is_an_empty_list(cluster: Kubectl) -> None:
    says(cluster, "true")
    assert cluster.get("pods", "outside") == []


def test_a_refusal_is_one_sentence(cluster: Kubectl) -> None:
    says(cluster, "cat >/dev/null; echo 'warning: x' >&2; echo 'Error from server (Forbidden): no' >&2; exit 1")
    with pytest.raises(HarnessError, match=r"^Could not make it \(Error from server \(Forbidden\): no\)"):
        cluster.apply("kind: Role\n", doing="make it")


@pytest.mark.parametrize(
    ("context", "advice"),
    [
        ("kind-lakehouse-eks", "'harness cluster status --name lakehouse-eks' shows its state"),
        ("some-context", "see whether the cluster runs"),
    ],
)
def test_a_cluster_that_is_away_is_told_apart(cluster: Kubectl, context: str, advice: str) -> None:
    says(cluster, "echo 'The connection to the server 127.0.0.1:1 was refused' >&2; exit 1")
    with pytest.raises(HarnessError, match=advice):
        dataclasses.replace(cluster, context=context).get("pods")


def test_no_program_is_one_sentence(cluster: Kubectl) -> None:
    with pytest.raises(HarnessError, match=r"Could not list pods \(.*kubectl: No such file or directory\)"):
        cluster.get("pods")


def test_one_that_does_not_end_is_given_up(cluster: Kubectl) -> None:
    says(cluster, "exec sleep 60")
    with pytest.raises(HarnessError, match="some-context took longer than 0 s"):
        cluster.run("get", "pods", doing="list pods", timeout=0.2)


def test_the_caller_may_know_better_what_helps(cluster: Kubectl) -> None:
    says(cluster, "echo 'error: timed out waiting for the condition' >&2; exit 1")
    with pytest.raises(HarnessError, match=r"\(error: timed out waiting for the condition\): look at the node\.$"):
        cluster.run("wait", "pods", doing="wait", hint="look at the node")


def test_what_the_node_image_was_built_from_has_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not compiled a second time."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    folder = KUBERNETES.programs_folder()
    folder.mkdir(parents=True)

    assert kubectl_program() == folder / "kubectl"
