"""What each tier of commands needs, and whether this machine has it; nothing is fetched."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.clusters.docker.client import daemon_version, docker, image_id, require_daemon
from harness.clusters.docker.install import dockerd_too_old, dockerd_version
from harness.clusters.docker.registry import answers
from harness.clusters.kind.machine import GIB, available_memory, daemon_info
from harness.clusters.without_registry.base import BASE
from harness.clusters.without_registry.node import node_image
from harness.errors import HarnessError
from harness.machine import old_python, venv
from harness.machine.cache import cache_root
from harness.machine.jars import missing
from harness.machine.java import local_runtimes
from harness.machine.proxy.certificates import ca_bundle
from harness.machine.tools import TOOLS, tool_folder
from harness.paths import ROOT


class Tier(StrEnum):
    """A target of the Makefile."""

    RUN = "run"
    TEST = "test"
    COMPAT = "test-compat"
    E2E = "e2e"


class State(StrEnum):
    """Whether a need is met."""

    READY = "ready"
    FIRST_USE = "on first use"
    MISSING = "missing"


@dataclass(frozen=True)
class Need:
    """Something that tiers need; `detail` is what the machine has, `remedy` the command that gets it."""

    name: str
    tiers: tuple[Tier, ...]
    state: State
    detail: str
    remedy: str = ""


E2E_DEPS: Final = "as root: make e2e-deps"
# The platform and one Spark application, and all images with what building them leaves.
E2E_MEMORY_GIB: Final = 6
E2E_DISK_GIB: Final = 15
_E2E: Final = (Tier.E2E,)
EVERY: Final = (Tier.RUN, Tier.TEST, Tier.COMPAT, Tier.E2E)


def needs() -> Iterator[Need]:
    """All needs, in the order in which a newcomer meets them."""
    yield _python()
    yield _git()
    yield _cache()
    yield _certificates()
    yield _environment(Tier.RUN, (Tier.RUN,))
    yield _environment(Tier.TEST, (Tier.TEST, Tier.COMPAT, Tier.E2E))
    yield _java()
    yield _jars("delta", (Tier.RUN, Tier.TEST))
    yield _jars("s3", (Tier.TEST,))
    for name in TOOLS:
        yield _tool(name)
    yield _old_python()
    yield from _docker()


def _either(name: str, tiers: tuple[Tier, ...], *, met: bool, detail: str, remedy: str) -> Need:
    return Need(name, tiers, State.READY if met else State.MISSING, detail, "" if met else remedy)


def _python() -> Need:
    detail = f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}"
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    remedy = "make PYTHON=/path/to/python3.12 setup"
    return _either("Python 3.11 or 3.12", EVERY, met=supported, detail=detail, remedy=remedy)


def _git() -> Need:
    program = shutil.which("git")
    return _either("git", EVERY, met=program is not None, detail=program or "", remedy="install git")


def _cache() -> Need:
    try:
        root = cache_root()
    except HarnessError as error:
        return Need("cache folder", EVERY, State.MISSING, str(error), "set HARNESS_CACHE_DIR")
    if not os.access(root, os.W_OK | os.X_OK):
        return Need("cache folder", EVERY, State.MISSING, f"{root} cannot be written", "set HARNESS_CACHE_DIR")
    return Need("cache folder", EVERY, State.READY, f"{root}, {shutil.disk_usage(root).free / GIB:.0f} GiB free")


def _certificates() -> Need:
    try:
        bundle = ca_bundle(os.environ)
    except HarnessError as error:
        return Need("CA bundle", EVERY, State.MISSING, str(error), "set SSL_CERT_FILE")
    return Need("CA bundle", EVERY, State.READY, str(bundle or "none named: each program uses its own"))


def _environment(profile: Tier, tiers: tuple[Tier, ...]) -> Need:
    name = f"Python packages ({profile})"
    if venv.is_current(ROOT, profile.value):
        return Need(name, tiers, State.READY, f"as in requirements/{profile}.txt")
    remedy = "make setup" if profile is Tier.TEST else "make run"
    return Need(name, tiers, State.FIRST_USE, "not installed, or not as in the lock", remedy)


def _java() -> Need:
    name, tiers = "Java 17 or 11", (Tier.RUN, Tier.TEST, Tier.COMPAT)
    runtimes = list(local_runtimes())
    detail = ", ".join(f"Java {java.version} ({java.origin}) at {java.home}" for java in runtimes)
    if any(java.supported for java in runtimes):
        return Need(name, tiers, State.READY, detail)
    if list((cache_root() / "packages").glob("java-*")):
        return Need(name, tiers, State.READY, "the packaged one")
    return Need(name, tiers, State.FIRST_USE, detail or "none found", "harness setup --java")


def _jars(group: str, tiers: tuple[Tier, ...]) -> Need:
    name = f"Spark's jars: {group}"
    if absent := missing(group):
        return Need(name, tiers, State.FIRST_USE, f"{len(absent)} to fetch", f"harness setup --jars {group}")
    return Need(name, tiers, State.READY, "in the cache")


def _tool(name: str) -> Need:
    module = f"{TOOLS[name].module}/go.mod"
    tiers = _E2E if name == "kind" else (Tier.TEST, Tier.E2E)
    if tool_folder(name).is_dir():
        return Need(name, tiers, State.READY, f"built from {module}")
    return Need(name, tiers, State.FIRST_USE, f"to build from {module}", "harness setup --tools")


def _old_python() -> Need:
    python = old_python.find_python(os.environ)
    remedy = f"pyenv install {old_python.VERSION}"
    name, detail = f"Python {old_python.VERSION}", str(python or "none found")
    return _either(name, (Tier.COMPAT,), met=python is not None, detail=detail, remedy=remedy)


def _docker() -> Iterator[Need]:
    remedy = E2E_DEPS if shutil.which("apt-get") else "install Docker"
    if not shutil.which("docker"):
        yield Need("Docker", _E2E, State.MISSING, "no docker command", remedy)
        return
    try:
        require_daemon()
    except HarnessError as error:
        cause, _, step = str(error).rstrip(".").partition(": ")
        yield Need("Docker", _E2E, State.MISSING, cause, step)
        return
    if dockerd_too_old():
        detail = f"version {dockerd_version()} asks for capabilities that this machine does not grant"
        yield Need("Docker", _E2E, State.MISSING, detail, remedy)
        return
    yield Need("Docker", _E2E, State.READY, f"server {daemon_version()}")
    yield _buildx(remedy)
    yield _base_image(remedy)
    yield _node_image()
    yield from _room()


def _buildx(remedy: str) -> Need:
    try:
        version = docker("buildx", "version", doing="ask for the version of buildx").split()[1]
    except HarnessError:
        return Need("Docker's buildx", _E2E, State.MISSING, "the Dockerfiles need BuildKit", remedy)
    return Need("Docker's buildx", _E2E, State.READY, version)


def _base_image(remedy: str) -> Need:
    name, build = f"image {BASE}", "harness images build"
    if image_id(BASE):
        return Need(name, _E2E, State.READY, "in Docker")
    if answers(BASE):
        return Need(name, _E2E, State.FIRST_USE, "to pull", build)
    if shutil.which("mmdebstrap"):
        return Need(name, _E2E, State.FIRST_USE, "no registry answers; to make from Debian's packages", build)
    return Need(name, _E2E, State.MISSING, "no registry answers, and mmdebstrap is missing", remedy)


def _node_image() -> Need:
    if image_id(node_image()):
        return Need("image of a cluster's node", _E2E, State.READY, "in Docker")
    detail = "to pull, or to build in 20 minutes where no registry answers"
    return Need("image of a cluster's node", _E2E, State.FIRST_USE, detail, "harness cluster up")


def _room() -> Iterator[Need]:
    available = available_memory()
    if available is not None:
        yield _either(
            "memory",
            _E2E,
            met=available >= E2E_MEMORY_GIB * GIB,
            detail=f"{available / GIB:.0f} GiB available, {E2E_MEMORY_GIB} are needed",
            remedy="stop other programs or clusters",
        )
    folder = daemon_info().data
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        yield _either(
            "disk for Docker",
            _E2E,
            met=free >= E2E_DISK_GIB * GIB,
            detail=f"{free / GIB:.0f} GiB free in {folder}, {E2E_DISK_GIB} are needed",
            remedy="harness images prune",
        )
