import os
import signal
import threading
from pathlib import Path

import pytest
import yaml

from harness.clusters.kind.cluster import Cluster, create_error, down, up
from harness.errors import HarnessError


def calls(machine: Path) -> list[str]:
    return (machine / "calls").read_text().splitlines()


def test_up_makes_it_and_waits_for_its_system(machine: Path) -> None:
    cluster = Cluster("t")

    up(cluster)

    assert cluster.exists()
    (kind,) = [call for call in calls(machine) if call.startswith("kind")]
    assert "--image=node:1" in kind
    assert f"--kubeconfig={cluster.kubeconfig}" in kind
    kubectl = [call for call in calls(machine) if call.startswith("kubectl")]
    assert all(f"--kubeconfig {cluster.kubeconfig} --context kind-t " in call for call in kubectl)
    assert " apply --filename=-" in kubectl[0]
    for workload in ("kube-proxy", "kube-router", "coredns", "local-path-provisioner"):
        assert any("rollout status" in call and workload in call for call in kubectl)


def test_workers_reach_the_pods_of_all_other_nodes_and_the_api_server(machine: Path) -> None:
    kubectl = machine / "kubectl"
    kubectl.write_text(
        kubectl.read_text().replace('case "$*" in', f'case "$*" in\n*apply*) cat >> {machine}/applied ;;', 1)
    )
    cluster = Cluster("t")

    up(cluster, workers=2)

    assert cluster.hosts() == ["t-worker", "t-worker2"]
    routes = [call for call in calls(machine) if "ip route" in call]
    assert routes == [
        "docker exec t-control-plane sh -ec ip route replace 10.244.1.0/24 via address-of-t-worker; "
        "ip route replace 10.244.2.0/24 via address-of-t-worker2",
        "docker exec t-worker sh -ec ip route replace 10.244.0.0/24 via address-of-t-control-plane; "
        "ip route replace 10.244.2.0/24 via address-of-t-worker2",
        "docker exec t-worker2 sh -ec ip route replace 10.244.0.0/24 via address-of-t-control-plane; "
        "ip route replace 10.244.1.0/24 via address-of-t-worker",
    ]
    (router,) = [
        item for item in yaml.safe_load_all((machine / "applied").read_text()) if item["kind"] == "DaemonSet"
    ]
    environment = router["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "KUBERNETES_SERVICE_HOST", "value": "t-control-plane"} in environment


def test_the_platform_runs_on_the_only_node_where_there_are_no_workers(machine: Path) -> None:
    up(Cluster("t"))
    assert Cluster("t").hosts() == ["t-control-plane"]
    assert not [call for call in calls(machine) if "ip route" in call]


def test_a_second_one_of_the_name_is_refused(machine: Path) -> None:
    up(Cluster("t"))
    with pytest.raises(HarnessError, match=r"There is a cluster t already: .* 'harness cluster down --name t'"):
        up(Cluster("t"))
    assert Cluster("t").exists()


def test_one_that_does_not_become_ready_is_removed_after_its_logs_were_saved(machine: Path) -> None:
    (machine / "kubectl-fails").write_text("error: timed out waiting for the condition\n")
    saved: list[bool] = []

    with pytest.raises(HarnessError, match="timed out waiting for the condition"):
        up(Cluster("t"), on_failure=lambda: saved.append(Cluster("t").exists()))

    assert saved == [True]
    assert not Cluster("t").exists()
    assert not Cluster("t").folder.exists()


def test_logs_that_cannot_be_saved_do_not_hide_what_went_wrong(machine: Path) -> None:
    (machine / "kubectl-fails").write_text("error: timed out waiting for the condition\n")

    def fail() -> None:
        raise HarnessError("The disk is full.")

    with pytest.raises(HarnessError, match="timed out waiting for the condition"):
        up(Cluster("t"), on_failure=fail)
    assert not Cluster("t").exists()


def test_an_interrupted_start_leaves_nothing(machine: Path) -> None:
    (machine / "kind").write_text(
        (machine / "kind").read_text().replace("exit 0", f"touch {machine}/begun; exec sleep 600")
    )
    main = threading.main_thread().ident or 0

    def interrupt() -> None:
        while not (machine / "begun").exists():
            threading.Event().wait(0.02)
        signal.pthread_kill(main, signal.SIGINT)

    watcher = threading.Thread(target=interrupt, daemon=True)
    watcher.start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        up(Cluster("t"))
    watcher.join()

    assert not Cluster("t").exists()
    assert not Cluster("t").folder.exists()
    assert signal.getsignal(signal.SIGINT) == before


def test_down_removes_containers_volumes_folder_and_the_unused_network(machine: Path) -> None:
    up(Cluster("t"))

    assert down(Cluster("t")) is True

    assert "docker rm --force --volumes t-control-plane" in calls(machine)
    assert "docker network rm kind" in calls(machine)
    assert not Cluster("t").folder.exists()
    assert down(Cluster("t")) is False


def test_a_network_that_is_in_use_stays(machine: Path) -> None:
    docker = machine / "docker"
    docker.write_text(docker.read_text().replace('"network inspect") echo 0', '"network inspect") echo 1'))
    down(Cluster("t"))
    assert "docker network rm kind" not in calls(machine)


@pytest.mark.parametrize("name", ["", "Lakehouse", "-x", "a b", "../x", "x" * 51])
def test_names_that_kind_or_the_cache_could_not_use_are_refused(name: str) -> None:
    with pytest.raises(HarnessError, match="cannot be a cluster's name"):
        Cluster(name)


# As kind prints what Docker answered.
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "ERROR: failed to create cluster: command docker run failed\n"
            "Bind for 127.0.0.1:6443 failed: port is already allocated.",
            "Port 6443 on 127.0.0.1 is taken",
        ),
        ("runc create failed: unable to apply caps: operation not permitted", "asks for capabilities"),
        ("write /var/lib/docker/tmp/x: no space left on device", "the disk with Docker's data is full"),
    ],
)
def test_what_can_be_done_about_a_failure_of_kind(said: str, expected: str) -> None:
    assert expected in str(create_error(said, "t", 6443))


def test_an_unknown_failure_of_kind_is_quoted(machine: Path) -> None:
    (machine / "kind-fails").write_text("ERROR: failed to create cluster: could not find a log line\n")
    with pytest.raises(
        HarnessError, match=r"Could not start the cluster t \(ERROR: failed to create cluster: could"
    ):
        up(Cluster("t"))
    assert os.listdir(Cluster("t").folder.parent) == [".t.lock"]  # noqa: PTH208 - hidden files too
