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
    (machine / "docker").write_text(f"""#!/bin/sh
case "$1 $2" in
"ps -a") echo t-control-plane ;;
"image inspect")
    shift 4
    for name; do case $name in
{ids}
        *) echo "Error: No such image: $name" >&2; exit 1 ;;
    esac; done ;;
"exec t-control-plane") cat {machine}/held ;;
save*) shift; echo "$@" ;;
"exec --interactive")
    [ -e {machine}/full ] && echo 'no space left on device' >&2 && exit 1
    cat > {machine}/imported ;;
esac
""")
    return machine


def test_held_images() -> None:
    assert held_images(json.dumps(HELD))["docker.io/lakehouse/same:1"] == "sha256:aaa"


def test_only_what_the_node_lacks_goes_over_in_one_stream(docker: Path) -> None:
    assert load(Cluster("t"), IDS) == ["lakehouse/changed:1", "quay.io/new:2"]
    assert (docker / "imported").read_text() == "lakehouse/changed:1 quay.io/new:2\n"


def test_nothing_goes_over_when_all_is_there(docker: Path) -> None:
    assert load(Cluster("t"), ["lakehouse/same:1"]) == []
    assert not (docker / "imported").exists()


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
