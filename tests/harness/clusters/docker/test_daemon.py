import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clusters.docker import daemon
from harness.errors import HarnessError
from tests.harness.programs import program

# Answers while the file `up` is there.
DOCKER = """#!/bin/sh
[ -e {folder}/up ] && echo 26.1.5 && exit
echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
exit 1
"""
# Becomes ready after a moment, ends when told to.
DOCKERD = """#!/bin/sh
trap 'rm -f {folder}/up; exit 0' TERM
for word; do case $word in --pidfile=*) echo $$ > "${{word#*=}}" ;; esac; done
echo "$*" > {folder}/arguments
touch {folder}/up
while :; do sleep 0.1; done
"""
BROKEN = "#!/bin/sh\necho 'failed to start daemon: devices cgroup isn'\\''t mounted'\nexit 1\n"
SYSTEMCTL = """#!/bin/sh
echo "$*" >> {folder}/calls
case $1 in start) touch {folder}/up ;; stop) rm -f {folder}/up ;; esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with docker and dockerd, of root; the folder with its state."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(daemon, "SYSTEMD", tmp_path / "no-systemd")
    monkeypatch.setattr(daemon, "CONTAINERD_PID", tmp_path / "containerd.pid")
    monkeypatch.setattr(daemon, "SYSTEM_CONFIGURATION", tmp_path / "no-configuration")
    for name, text in (("docker", DOCKER), ("dockerd", DOCKERD), ("systemctl", SYSTEMCTL)):
        program(tmp_path / name, text.format(folder=tmp_path))
    yield tmp_path
    daemon.stop()


def test_it_is_started_once_and_stopped(machine: Path) -> None:
    assert daemon.start() is True
    process = daemon.started_here()
    assert process is not None
    assert daemon.start() is False
    assert daemon.started_here() == process

    assert daemon.stop() is True
    assert not (machine / "up").exists()
    assert daemon.stop() is False


def test_what_builds_leave_is_bounded_unless_the_machine_has_a_configuration(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "SYSTEM_CONFIGURATION", machine / "daemon.json")
    daemon.start()
    configuration = json.loads((daemon.state_folder() / "daemon.json").read_text())
    assert configuration["builder"]["gc"] == {"enabled": True, "defaultKeepStorage": "3GB"}
    assert f"--config-file={daemon.state_folder() / 'daemon.json'}" in (machine / "arguments").read_text()
    daemon.stop()

    (machine / "daemon.json").write_text("{}")
    daemon.start()
    assert "--config-file" not in (machine / "arguments").read_text()


def test_one_that_something_else_started_is_left_alone(machine: Path) -> None:
    (machine / "up").touch()
    assert daemon.start() is False
    assert daemon.stop() is False
    assert (machine / "up").exists()


def test_one_that_ends_at_once_is_quoted(machine: Path) -> None:
    program(machine / "dockerd", BROKEN)
    with pytest.raises(
        HarnessError, match=r"did not come up \(failed to start daemon: devices cgroup isn't mounted\)"
    ):
        daemon.start()


def test_without_dockerd_the_command_that_installs_it_is_named(machine: Path) -> None:
    (machine / "dockerd").unlink()
    with pytest.raises(HarnessError, match="make e2e-deps"):
        daemon.start()


def test_who_is_not_root_is_told_that_none_answers(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match="daemon does not answer"):
        daemon.start()


def test_a_process_that_got_the_number_of_a_dead_daemon_is_not_stopped(machine: Path) -> None:
    (daemon.state_folder() / "dockerd.pid").write_text(str(os.getpid()))
    assert daemon.started_here() is None
    assert daemon.stop() is False


def test_what_a_killed_daemon_left_does_not_keep_the_next_one_from_starting(machine: Path) -> None:
    """Its process ids are those of other processes by now: here, of this test."""
    dead = [daemon.state_folder() / "dockerd.pid", machine / "containerd.pid"]
    for file in dead:
        file.write_text(str(os.getpid()))

    assert daemon.start() is True

    assert daemon.started_here() != os.getpid()
    assert not dead[1].exists()


def test_a_service_manager_is_asked_where_there_is_one(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "SYSTEMD", machine)
    assert daemon.start() is True
    assert daemon.stop() is True
    assert daemon.stop() is False
    calls = (machine / "calls").read_text().splitlines()
    assert calls == ["start docker.service", "stop docker.service docker.socket"]
