import re
from pathlib import Path

import pytest

from harness.clusters.kind import node
from harness.clusters.kind.machine import DaemonInfo
from harness.clusters.without_registry.components import KUBERNETES_VERSION

MODERN = DaemonInfo(cgroup_version=2, rootless=False, data=Path("/var/lib/docker"))
OLD = DaemonInfo(cgroup_version=1, rootless=False, data=Path("/var/lib/docker"))


def test_upstreams_image_is_of_the_same_minor_version_and_pinned() -> None:
    tag, _, digest = node.UPSTREAM.partition("@sha256:")
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert tag.rpartition(":")[2].rsplit(".", 1)[0] == KUBERNETES_VERSION.rsplit(".", 1)[0]


@pytest.mark.parametrize(
    ("built", "reachable", "info", "every_capability", "expected"),
    [
        (False, True, MODERN, True, "upstream"),
        (True, True, MODERN, True, "ours"),
        (False, False, MODERN, True, "ours"),
        (False, True, OLD, True, "ours"),
        (False, True, MODERN, False, "ours"),
    ],
    ids=["a registry answers", "ours is there", "none answers", "control groups 1", "a capability lacks"],
)
def test_which_image_is_taken(
    monkeypatch: pytest.MonkeyPatch,
    built: bool,
    reachable: bool,
    info: DaemonInfo,
    every_capability: bool,
    expected: str,
) -> None:
    monkeypatch.setattr(node, "image_id", lambda _: "sha256:0" if built else None)
    monkeypatch.setattr(node, "answers", lambda _: reachable)
    monkeypatch.setattr(node, "build_node_image", lambda: "ours")
    taken = node.ready_node_image(info, every_capability=every_capability)
    assert taken == (node.UPSTREAM if expected == "upstream" else "ours")
