"""Which image a cluster's node starts from: upstream's, or the one that is built where no registry answers."""

from typing import Final

from harness.clusters.docker.client import image_id
from harness.clusters.docker.registry import answers
from harness.clusters.kind.machine import DaemonInfo
from harness.clusters.without_registry.node import build_node_image, node_image

# As the release notes of kind v0.33.0 pin it, which tools/go.mod pins.
UPSTREAM: Final = "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"


def ready_node_image(info: DaemonInfo, *, every_capability: bool) -> str:
    """The image of a node: an existing built one, else upstream's if usable (kind pulls it), else a new one."""
    if (
        image_id(node_image()) is None
        and upstream_works(info, every_capability=every_capability)
        and answers(UPSTREAM)
    ):
        return UPSTREAM
    return build_node_image()


def upstream_works(info: DaemonInfo, *, every_capability: bool) -> bool:
    """Whether upstream's image starts: it raises limits, and its systemd refuses control groups of version 1."""
    return every_capability and info.cgroup_version >= 2
