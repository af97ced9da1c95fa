"""The platform's own images in a namespace with restricted Pod Security: not root, nothing written to the image."""

from typing import Any

import pytest

from harness.clusters.images.archive import absent
from harness.clusters.images.wanted import wanted
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.load import load
from harness.clusters.up.steps import E2E

pytestmark = pytest.mark.cluster

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def images(cluster: Cluster) -> list[str]:
    """Those of the platform's images that are in Docker, brought to the node."""
    own = [image.name for image in wanted(E2E) if image.own]
    lacking = set(absent(own))
    names = [name for name in own if name not in lacking]
    if not names:
        pytest.skip("Docker has none of the platform's images: 'harness images build e2e' makes them")
    load(cluster, names)
    return names


def test_they_run_as_a_user_and_cannot_write_to_their_root(
    images: list[str], namespace: Any, make_pod: Any
) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    namespace.kind.kubectl("label", "namespace", namespace.name, label)
    names = {image.rpartition("/")[2].partition(":")[0]: image for image in images}
    for name, image in names.items():
        # No user is named: it is the image's own, and kubelet refuses to start one that is root.
        hardened = {"securityContext": RESTRICTED}
        namespace.apply(make_pod(name, "sleep", "infinity", image=image, container=hardened))

    namespace.ready(*names)

    for name in names:
        user = namespace.run(name, "id", "-u").split()[0]
        assert user.isdigit(), name
        assert int(user) > 0, name
        assert "Read-only file system" in namespace.run(name, "touch", "/probe"), name
