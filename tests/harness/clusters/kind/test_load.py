import json
from pathlib import Path

import pytest

from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.load import held_images, load
from harness.errors import HarnessError

# What a node has: one image with this id, one under this name with another content.
HELD = {
    "images": [
        {"id": "sha256:aaa", "repoTags": ["docker.io/lakehouse/same:1"]},
        {"id": "sha256:old", "repoTags": ["docker.io/lakehouse/changed:1"]},
        {"id": "sha256:eee", "repoTags": []},
    ]
}
IDS = {"lakehouse/same:1": "sha256:aaa", "lakehouse/changed:1": "sha256:bbb", "quay.io/new:2": "sha256:ccc"}


@pytest.fixture
def docker(machine: Path) -> Path:
    """A docker with three images and the node `t-control-plane`, which notes what it imports."""
    ids = "\n".join(f"        {name}) echo {value} ;;" for name, value in IDS.items())
    (machine / "held").write_text(json.dumps(HELD))
    (machine / "nodes").write_text("t-control-plane\n")
    (machine / "docker").write_text(f"""#!/bin/sh
case "$1 $2" in
"ps -a") cat {machine}/nodes ;;
"image inspect")
    shift 4
    for name; do case $name in
{ids}
        *) echo "Error: No such image: $name" >&2; exit 1 ;;
    esac; done ;;
"exec t-worker") cat {machine}/other ;;
"exec t-"*) cat {machine}/held ;;
save*) shift; echo "$@" ;;
"exec --interactive")
    [ -e {machine}/full ] && echo 'no space left on device' >&2 && exit 1
    cat > {machine}/imported-by-$3 ;;
esac
""")
    return machine


def test_held_images() -> None:
    assert held_images(json.dumps(HELD))["docker.io/lakehouse/same:1"] == "sha256:aaa"


def test_only_what_the_node_lacks_goes_over_in_one_stream(docker: Path) -> None:
    assert load(Cluster("t"), IDS) == ["lakehouse/changed:1", "quay.io/new:2"]
    assert (docker / "imported-by-t-control-plane").read_text() == "lakehouse/changed:1 quay.io/new:2\n"


def test_all_workers_get_what_one_of_them_lacks_and_the_control_plane_nothing(docker: Path) -> None:
    (docker / "nodes").write_text("t-worker2\nt-control-plane\nt-worker\n")
    (docker / "other").write_text(json.dumps({"images": []}))
    assert load(Cluster("t"), IDS) == list(IDS)
    for node in ("t-worker", "t-worker2"):
        assert (docker / f"imported-by-{node}").read_text() == " ".join(IDS) + "\n"
    assert not (docker / "imported-by-t-control-plane").exists()


def test_a_worker_that_has_all_is_left_alone(docker: Path) -> None:
    (docker / "nodes").write_text("t-control-plane\nt-worker\nt-worker2\n")
    (docker / "other").write_text(json.dumps({"images": []}))
    assert load(Cluster("t"), ["lakehouse/same:1"]) == ["lakehouse/same:1"]
    assert (docker / "imported-by-t-worker").exists()
    assert not (docker / "imported-by-t-worker2").exists()


def test_nothing_goes_over_when_all_is_there(docker: Path) -> None:
    assert load(Cluster("t"), ["lakehouse/same:1"]) == []
    assert not (docker / "imported-by-t-control-plane").exists()


def test_an_image_that_docker_lacks_is_named(docker: Path) -> None:
    with pytest.raises(HarnessError, match=r"No such image: no/such:1\): 'harness images build'"):
        load(Cluster("t"), ["lakehouse/same:1", "no/such:1"])


def test_a_full_disk_is_said(docker: Path) -> None:
    (docker / "full").touch()
    with pytest.raises(HarnessError, match="Could not load images into t: the disk with Docker's data is full"):
        load(Cluster("t"), IDS)


def test_without_the_cluster_its_command_is_named(machine: Path) -> None:
    with pytest.raises(HarnessError, match="'harness cluster up --name gone' creates one"):
        load(Cluster("gone"), ["redis"])
