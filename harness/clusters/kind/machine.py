"""Whether this machine can run a cluster: Docker, memory, disk."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import docker
from harness.errors import HarnessError

# A cluster without anything on it uses about 0.9 GiB of memory and 2 GiB of disk.
LEAST_MEMORY_GIB: Final = 2.0
LEAST_DISK_GIB: Final = 5.0
GIB: Final = 2**30


@dataclass(frozen=True)
class DaemonInfo:
    """What `docker info` says that matters to a cluster; `data` has the images and volumes."""

    cgroup_version: int
    rootless: bool
    data: Path


def parse_info(text: str) -> DaemonInfo:
    """Reads what `docker info --format '{{json .}}'` prints."""
    info = json.loads(text)
    return DaemonInfo(
        cgroup_version=int(info.get("CgroupVersion") or 1),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or []),
        data=Path(info.get("DockerRootDir") or "/var/lib/docker"),
    )


def daemon_info() -> DaemonInfo:
    return parse_info(docker("info", "--format", "{{json .}}", doing="ask Docker's daemon about itself"))


def check_machine() -> DaemonInfo:
    """Raises an error unless a cluster can run here."""
    info = daemon_info()
    if info.rootless and info.cgroup_version < 2:
        raise HarnessError(
            "Docker runs without root's rights on control groups of version 1, where it cannot limit a node: "
            "use the system's daemon (docker context use default), or boot with systemd.unified_cgroup_hierarchy=1."
        )
    check_memory(available_memory())
    # A daemon on another machine has its data there.
    if info.data.is_dir():
        check_disk(shutil.disk_usage(info.data).free, info.data)
    return info


def check_memory(available: int | None) -> None:
    if available is not None and available < LEAST_MEMORY_GIB * GIB:
        raise HarnessError(
            f"Only {available / GIB:.1f} GiB of memory are available, but a cluster needs {LEAST_MEMORY_GIB:.0f}: "
            f"stop other programs or clusters ('kind get clusters'), then try again."
        )


def check_disk(free: int, folder: Path) -> None:
    if free < LEAST_DISK_GIB * GIB:
        raise HarnessError(
            f"Only {free / GIB:.1f} GiB are free in {folder}, but a cluster needs {LEAST_DISK_GIB:.0f}: make room "
            f"('docker system df' shows what is used, 'harness images prune' frees it)."
        )


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Linux's MemAvailable in bytes, or None on another system."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None
