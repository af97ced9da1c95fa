"""A cluster as a whole: what it is, that there is one of a name, what is said of it, what it leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.docker.client import docker
from harness.clusters.kind.cluster import Cluster, up
from harness.clusters.kind.logs import collect
from harness.clusters.kind.node import UPSTREAM
from harness.clusters.kind.status import status
from harness.clusters.without_registry.components import KUBERNETES_VERSION
from harness.clusters.without_registry.node import pod_images
from harness.errors import HarnessError

pytestmark = pytest.mark.cluster


def test_it_runs_the_pinned_kubernetes(kind_cluster: Any) -> None:
    version = json.loads(kind_cluster.kubectl("version", "--output=json"))

    assert version["clientVersion"]["gitVersion"] == KUBERNETES_VERSION
    pulled = UPSTREAM.partition("@")[0].rpartition(":")[2]
    assert version["serverVersion"]["gitVersion"] in (KUBERNETES_VERSION, pulled)


def test_it_is_well(cluster: Cluster) -> None:
    state = status(cluster)

    assert state.well, state
    assert "node ready" in state.summary


def test_there_is_one_of_a_name(cluster: Cluster) -> None:
    with pytest.raises(HarnessError, match=f"There is a cluster {cluster.name} already"):
        up(cluster)
    assert status(cluster).well


def test_the_users_own_kubeconfig_is_left_alone(cluster: Cluster) -> None:
    own = Path.home() / ".kube" / "config"

    assert cluster.kubeconfig.stat().st_mode & 0o077 == 0
    assert not own.exists() or cluster.context not in own.read_text(encoding="utf-8")


def test_a_taken_port_is_named_and_nothing_is_left(cluster: Cluster, tmp_path: Path) -> None:
    taken = docker("port", cluster.node, "6443/tcp", doing="find the API server's port").strip().rpartition(":")[2]
    other = f"{cluster.name}-port"

    done = _harness("cluster", "up", "--name", other, "--api-port", taken)

    assert done.returncode == 1
    assert f"Port {taken} on 127.0.0.1 is taken" in done.stderr
    assert not Cluster(other).exists()
    assert not Cluster(other).folder.exists()


def test_the_bundle_tells_which_pod_is_unwell_and_why(
    cluster: Cluster, namespace: Any, make_pod: Any, tmp_path: Path, eventually: Any
) -> None:
    namespace.apply(make_pod("broken", "bash", "-c", "echo last words; exit 3", restartPolicy="Never"))
    eventually("the pod has failed", lambda: namespace.get("pod", "broken")["status"]["phase"] == "Failed")

    index = collect(cluster, tmp_path / "bundle").read_text(encoding="utf-8")

    assert f"| {namespace.name}/broken | main | Error | exit code 3 |" in index
    log = tmp_path / "bundle" / "pods" / namespace.name / "broken" / "main.0.log"
    assert "last words" in log.read_text(encoding="utf-8")
    assert "Could not be collected" not in index
    for name in ("node/kubelet.log", "node/images.txt", "events.txt", "resources.txt"):
        assert (tmp_path / "bundle" / name).stat().st_size > 0
    images = (tmp_path / "bundle" / "node" / "images.txt").read_text(encoding="utf-8")
    assert all(name.rpartition(":")[0] in images for name in pod_images())


def _harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    environment = {**os.environ, "COLUMNS": "400"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
