import io
import json
import tarfile
from pathlib import Path

import pytest

from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.logs import collect, pod_log
from harness.errors import HarnessError

POD = {
    "metadata": {"namespace": "app", "name": "web"},
    "status": {
        "containerStatuses": [
            {"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "a|b"}}, "restartCount": 0}
        ]
    },
}


def event(kind: str, reason: str, when: str) -> dict[str, object]:
    return {
        "metadata": {},
        "type": kind,
        "reason": reason,
        "lastTimestamp": when,
        "involvedObject": {"kind": "Pod", "namespace": "app", "name": "web"},
        "message": "two\nlines",
        "count": 3,
    }


@pytest.fixture
def running(machine: Path) -> Path:
    """A machine with the cluster t and one unwell pod on it, whose log is on the node."""
    (machine / "containers").write_text("t-control-plane\n")
    Cluster("t").folder.mkdir(parents=True)
    Cluster("t").kubeconfig.touch()
    (machine / "node").write_text("from the node\n")
    (machine / "pods").write_text(json.dumps({"items": [POD]}))
    events = [event("Warning", "Later", "2026-11-24T10:00:02Z"), event("Normal", "Sooner", "2026-11-24T10:00:01Z")]
    (machine / "events").write_text(json.dumps({"items": events}))
    with tarfile.open(machine / "pods.tar", "w") as archive:
        info = tarfile.TarInfo("pods/app_web_0f1e/main/0.log")
        info.size = 6
        archive.addfile(info, io.BytesIO(b"hello\n"))
        link = tarfile.TarInfo("pods/app_web_0f1e/main/1.log")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(link)
    docker = machine / "docker"
    docker.write_text(
        docker.read_text().replace("case ", f'[ "$1" = cp ] && cat {machine}/pods.tar && exit\ncase ', 1)
    )
    return machine


def test_the_index_says_what_is_wrong_and_what_is_where(running: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"

    index = collect(Cluster("t"), folder)

    text = index.read_text(encoding="utf-8")
    assert r"| app/web | main | ErrImagePull | a\|b |" in text
    assert "2026-11-24T10:00:02Z Warning Later Pod app/web: two lines (x3)" in text
    assert "Sooner" not in text
    assert "Could not be collected" not in text
    for name in ("events.txt", "node/kubelet.log", "pods.json"):
        assert f"[{name}]({name})" in text
        assert (folder / name).is_file()
    assert (folder / "pods/app/web/main.0.log").read_text() == "hello\n"
    assert not (folder / "pods/app/web/main.1.log").exists()
    order = [line.split()[2] for line in (folder / "events.txt").read_text().splitlines()]
    assert order == ["Sooner", "Later"]


def test_without_the_api_server_the_nodes_part_is_there_all_the_same(running: Path, tmp_path: Path) -> None:
    (running / "kubectl-fails").write_text("The connection to the server was refused\n")

    text = collect(Cluster("t"), tmp_path / "bundle").read_text(encoding="utf-8")

    assert "The API server gave no list of pods" in text
    assert "- pods.json: Could not list pods (The connection to the server was refused)" in text
    assert (tmp_path / "bundle/pods/app/web/main.0.log").is_file()
    assert (tmp_path / "bundle/node/kubelet.log").read_text() == "from the node\n"


def test_a_folder_with_something_in_it_is_not_touched(running: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(HarnessError, match="exists already"):
        collect(Cluster("t"), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_without_the_cluster_nothing_is_written(machine: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="There is no cluster t"):
        collect(Cluster("t"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pods/app_web-0_1f/main/0.log", "pods/app/web-0/main.0.log"),
        ("pods/app_web-0_1f/main/0.log.20261124-100000.gz", None),
        ("pods/app_web-0_1f/main", None),
        ("pods/../main/0.log", None),
        ("pods/a_.._b/../0.log", None),
    ],
)
def test_where_a_log_goes(path: str, expected: str | None) -> None:
    assert pod_log(path) == expected
