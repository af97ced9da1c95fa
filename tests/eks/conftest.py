"""The EKS overlay, as it is written and as it is on the cluster that `harness e2e --eks` has brought up."""

import json
from typing import Any

import pytest

from harness.clusters.deploy.cluster import connect
from harness.clusters.e2e.run import EKS
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from harness.manifests.build import Build
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.write import stream
from harness.paths import ROOT
from tests.live.likeness import identity

Object = dict[str, Any]
Objects = dict[tuple[str, str, str], Object]
SECONDS = 300


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster."""
    made = Cluster(EKS.cluster)
    return connect(made.kubeconfig, made.context)


@pytest.fixture(scope="session")
def builds() -> list[Build]:
    """The overlay's parts."""
    builds = [build for build in build_all(roots(ROOT, EKS.environment)) if build.root.in_whole]
    assert [problem for build in builds for problem in build.problems] == []
    return builds


@pytest.fixture(scope="session")
def written(builds: list[Build]) -> Objects:
    """Every object of the overlay, by kind, namespace and name."""
    return {identity(item.value): item.value for build in builds for item in build.resources}


@pytest.fixture(scope="session")
def deployed(cluster: Kubectl, builds: list[Build]) -> Objects:
    """Those of them that the cluster has, as it has them."""
    options = ["--ignore-not-found", "--output=json", "--filename=-"]
    return _objects(
        cluster.run("get", *options, doing="read the overlay's objects", stdin=stream(builds), timeout=SECONDS)
    )


@pytest.fixture(scope="session")
def applied(cluster: Kubectl, builds: list[Build]) -> Objects:
    """What each of them would be if the overlay were applied as it is written: the API server's own answer."""
    options = ["--server-side", "--force-conflicts", "--dry-run=server", "--output=json", "--filename=-"]
    return _objects(
        cluster.run("apply", *options, doing="apply the overlay for a try", stdin=stream(builds), timeout=SECONDS)
    )


def _objects(text: str) -> Objects:
    answer = json.loads(text)
    return {identity(item): item for item in (answer["items"] if answer["kind"] == "List" else [answer])}
