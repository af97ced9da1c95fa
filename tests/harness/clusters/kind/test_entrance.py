import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.clusters.kind import entrance
from harness.clusters.kind.cluster import Cluster, down
from harness.clusters.kind.forward import listens
from harness.errors import HarnessError
from tests.harness.clusters.kind.kubectl import FORWARDING
from tests.harness.programs import program
from tests.live.forward import free_port
from tests.processes import wait_for


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a cluster; no entrance to it outlives the test."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    yield folder
    entrance.shut(folder)


@pytest.fixture
def doors(tmp_path: Path) -> entrance.Doors:
    kubectl = program(tmp_path / "kubectl", f"#!{sys.executable}\n{FORWARDING}")
    ports = [free_port(), free_port()]
    for port in ports:
        (tmp_path / f"pods-{port}").write_text(f"pod-{port}")
    return {port: [str(kubectl), str(port), str(tmp_path / f"pods-{port}")] for port in ports}


def keepers(folder: Path) -> set[int]:
    """The processes of a folder's entrance that are no kubectl."""
    pids = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            own = process.environ().get("HARNESS_ENTRANCE") == str(folder)
            if own and "harness.clusters.kind.entrance" in process.cmdline():
                pids.add(process.pid)
    return pids


def test_doors_are_open_until_they_are_shut(folder: Path, doors: entrance.Doors) -> None:
    entrance.open_doors(folder, doors)
    assert all(map(listens, doors))
    assert entrance.open_ports(folder) == set(doors)
    entrance.shut(folder)
    assert not any(map(listens, doors))
    assert entrance.open_ports(folder) == set()


def test_the_same_doors_stay_as_they_are_and_others_replace_them(folder: Path, doors: entrance.Doors) -> None:
    entrance.open_doors(folder, doors)
    before = keepers(folder)
    entrance.open_doors(folder, doors)
    assert keepers(folder) == before
    (kept, closed) = doors
    entrance.open_doors(folder, {kept: doors[kept]})
    assert len(keepers(folder)) == 1
    assert listens(kept)
    assert not listens(closed)


def test_an_entrance_that_was_killed_is_opened_again(folder: Path, doors: entrance.Doors) -> None:
    entrance.open_doors(folder, doors)
    (killed,) = keepers(folder)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not keepers(folder), "end of the entrance")
    # What it started still has the ports.
    assert entrance.open_ports(folder) == set(doors)
    entrance.open_doors(folder, doors)
    assert all(map(listens, doors))
    assert keepers(folder) not in (set(), {killed})


def test_it_ends_by_itself_when_somebody_else_removed_the_cluster(folder: Path, doors: entrance.Doors) -> None:
    entrance.open_doors(folder, doors)
    (folder / "entrance.json").unlink()
    wait_for(lambda: not keepers(folder) and not any(map(listens, doors)), "end of the entrance")


def test_entrances_to_different_clusters_do_not_disturb_each_other(folder: Path, doors: entrance.Doors) -> None:
    one, other = doors
    second = folder.parent / "other"
    second.mkdir()
    entrance.open_doors(folder, {one: doors[one]})
    try:
        entrance.open_doors(second, {other: doors[other]})
        entrance.shut(folder)
        assert not listens(one)
        assert listens(other)
    finally:
        entrance.shut(second)


def test_a_removed_cluster_has_no_entrance(machine: Path, doors: entrance.Doors) -> None:
    cluster = Cluster("t")
    cluster.folder.mkdir(parents=True)
    entrance.open_doors(cluster.folder, doors)
    down(cluster)
    assert not any(map(listens, doors))
    assert not cluster.folder.exists()


def test_a_door_that_leads_nowhere_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(entrance, "_OPEN_SECONDS", 0)
    command = [str(program(tmp_path / "fails", "exit 1")), "port-forward", "-n=x", "-a=y", "service/z", "1:2"]
    port = free_port()
    with pytest.raises(HarnessError, match=f"^Port {port} leads nowhere .*service/z.*: see whether"):
        entrance.open_doors(folder, {port: command})
