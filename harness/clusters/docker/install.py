"""Installs Docker and what the images and the cluster need, from the packages of Debian or Ubuntu.

A Docker older than 26 asks for every capability when it starts a privileged container, and fails on a machine
that does not grant them all (CI runners in a sandbox, for one). There Debian's next suite has a newer Docker, which
runs on the older suite too; an apt state of its own fetches it, so that the system's sources stay as they are.
"""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.clusters.docker.registry import answers
from harness.console import working
from harness.errors import HarnessError
from harness.machine.process import run

# Package by program.
PROGRAMS: Final[Mapping[str, str]] = {
    "git": "git",
    "ip": "iproute2",
    "iptables": "iptables",
    "containerd": "containerd",
    "runc": "runc",
}
DOCKER_PACKAGES: Final = ("docker.io", "docker-cli", "docker-buildx")
# The first suite whose docker.io asks only for the capabilities that it has; its libc need is met by bookworm.
NEWER_SUITE: Final = "trixie"
FIRST_MODEST_VERSION: Final = 26
CAP_SYS_RESOURCE: Final = 24
APT: Final = "'apt-get update' tells more; another mirror or a proxy can be set in /etc/apt"


def missing_programs() -> list[str]:
    absent = [package for program, package in PROGRAMS.items() if not _which(program)]
    # It makes the base image where none can be pulled.
    if not _which("mmdebstrap") and not answers("debian"):
        absent.append("mmdebstrap")
    return [*absent, "docker.io"] if dockerd_version() is None or dockerd_too_old() else absent


def dockerd_version() -> int | None:
    program = _which("dockerd")
    if program is None:
        return None
    said = run([program, "--version"], doing="ask dockerd for its version", hint=APT, env=os.environ)
    match = re.search(r"version (\d+)\.", said)
    return int(match[1]) if match else None


def dockerd_too_old() -> bool:
    """Whether it asks for capabilities that this machine does not grant."""
    version = dockerd_version()
    return version is not None and version < FIRST_MODEST_VERSION and not grants_every_capability()


def grants_every_capability(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this machine lets a process raise resource limits (CAP_SYS_RESOURCE), which old Dockers need."""
    try:
        match = re.search(r"^CapBnd:\s*([0-9a-f]+)", status.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return True
    return match is None or bool(int(match[1], 16) >> CAP_SYS_RESOURCE & 1)


def install() -> list[str]:
    """Installs and returns the missing packages; apt is not asked when there are none."""
    absent = missing_programs()
    if not absent:
        return []
    if not shutil.which("apt-get"):
        raise HarnessError(
            f"This machine lacks {', '.join(absent)} and has no apt-get: install them with its own package manager."
        )
    if os.geteuid() != 0:
        raise HarnessError(f"Installing {', '.join(absent)} needs root: run 'sudo make e2e-deps'.")
    with working("reading the package lists"):
        _apt("update", "-qq", doing="read the lists of packages")
    names = [name for name in absent if name != "docker.io"]
    with (
        tempfile.TemporaryDirectory(prefix="harness-apt-") as folder,
        working("installing Docker", usually="1 to 2 minutes"),
    ):
        # apt drops root's rights to fetch, so its own user must be able to write here.
        Path(folder).chmod(0o755)
        names += _docker_packages(Path(folder)) if "docker.io" in absent else []
        _apt("install", "-qq", "--no-install-recommends", *names, doing=f"install {', '.join(absent)}")
    return absent


def major_version(policy: str) -> int | None:
    r"""The major version of a package's candidate in what `apt-cache policy` prints.

    >>> major_version("docker.io:\n  Installed: (none)\n  Candidate: 20.10.24+dfsg1-1\n")
    20
    """
    match = re.search(r"Candidate: (?:\d+:)?(\d+)", policy)
    return int(match[1]) if match else None


def mirror_of(targets: str, suite: str) -> str | None:
    r"""The address of a suite of Debian in the machine's own sources, from what `_targets` prints.

    >>> mirror_of("http://mirror.example/debian/|bookworm|main|Debian\n", "bookworm")
    'http://mirror.example/debian/'
    """
    for line in targets.splitlines():
        address, release, component, origin = line.split("|")
        if (release, component, origin) == (suite, "main", "Debian"):
            return address
    return None


def _docker_packages(folder: Path) -> list[str]:
    """Arguments of `apt-get install`: names, or files fetched to `folder`."""
    candidate = major_version(run_cache("policy", "docker.io"))
    modest_needed = not grants_every_capability()
    if candidate and (candidate >= FIRST_MODEST_VERSION or not modest_needed):
        return [name for name in DOCKER_PACKAGES if major_version(run_cache("policy", name)) is not None]
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    mirror = mirror_of(_targets(), suite)
    if mirror is None:
        raise HarnessError(
            f"This machine grants no CAP_SYS_RESOURCE, so it needs Docker {FIRST_MODEST_VERSION} or newer, and its "
            f"package sources have {candidate or 'none'}: install a newer Docker by hand."
        )
    return _fetched(mirror, folder)


def _fetched(mirror: str, folder: Path) -> list[str]:
    source = folder / "sources.list"
    source.write_text(f"deb {mirror} {NEWER_SUITE} main\n", encoding="ascii")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    private = [
        *("-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"),
        # The private state is root's, and so is what it fetches.
        *("-o", "APT::Sandbox::User=root"),
    ]
    _apt(*private, "update", "-qq", doing=f"read the list of packages of {NEWER_SUITE}")
    _apt(*private, "download", "-qq", *DOCKER_PACKAGES, doing=f"fetch Docker from {NEWER_SUITE}", cwd=folder)
    return [str(path) for path in sorted(folder.glob("*.deb"))]


def run_cache(*arguments: str) -> str:
    return run(["apt-cache", *arguments], doing="ask apt for a version", hint=APT, env=os.environ)


def _targets() -> str:
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    return run(command, doing="read apt's sources", hint=APT, env=os.environ)


def _apt(*arguments: str, doing: str, cwd: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-y", *arguments], doing=doing, hint=APT, env=environment, cwd=cwd)


def _which(program: str) -> str | None:
    # Only root's PATH usually has the sbin folders.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
