import json
from pathlib import Path

import pytest

from harness.clusters.kind.machine import (
    GIB,
    available_memory,
    check_disk,
    check_machine,
    check_memory,
    parse_info,
)
from harness.errors import HarnessError


def test_what_the_daemon_says() -> None:
    said = {"CgroupVersion": "1", "SecurityOptions": ["name=rootless"], "DockerRootDir": "/data"}
    info = parse_info(json.dumps(said))
    assert (info.cgroup_version, info.rootless, info.data) == (1, True, Path("/data"))
    # Docker 20 without security options.
    assert parse_info('{"SecurityOptions": null}').rootless is False


def test_a_rootless_daemon_on_old_control_groups_is_refused(machine: Path) -> None:
    (machine / "info").write_text(json.dumps({"CgroupVersion": "1", "SecurityOptions": ["name=rootless"]}))
    with pytest.raises(HarnessError, match="without root's rights"):
        check_machine()


def test_too_little_memory_is_said_with_figures() -> None:
    check_memory(2 * GIB)
    check_memory(None)
    with pytest.raises(HarnessError, match=r"Only 1\.5 GiB of memory are available, but a cluster needs 2"):
        check_memory(int(1.5 * GIB))


def test_a_full_disk_is_said_with_its_folder() -> None:
    check_disk(5 * GIB, Path("/data"))
    with pytest.raises(HarnessError, match=r"Only 0\.5 GiB are free in /data, but a cluster needs 5"):
        check_disk(GIB // 2, Path("/data"))


def test_available_memory_is_in_bytes(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24576000 kB\nMemAvailable:    2097152 kB\n")
    assert available_memory(meminfo) == 2 * GIB
    assert available_memory(tmp_path / "not Linux") is None
