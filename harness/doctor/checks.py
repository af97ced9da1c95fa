"""The things that each tier of commands needs, looked up on this machine; nothing is fetched."""

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
from harness.machine.java import found_runtimes
from harness.machine.proxy.certificates import ca_bundle
from harness.machine.tools import TOOLS, tool_folder
from harness.paths import ROOT


class Tier(StrEnum):
    """A command of the Makefile that has needs of its own."""

    RUN = "run"
    TEST = "test"
    COMPAT = "test-compat"
    E2E = "e2e"


class State(StrEnum):
    """How a need stands."""

    READY = "ready"
    FIRST_USE = "on first use"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One need and how it stands.

    Attributes:
        name: What is needed.
        tiers: Who needs it.
        state: Whether it is there; what is fetched by itself is not missing.
        detail: What was found.
        remedy: What gets it, or "" when it is there.
    """

    name: str
    tiers: tuple[Tier, ...]
    state: State
    detail: str
    remedy: str = ""


E2E_DEPS: Final = "as root: make e2e-deps"
# The platform and one Spark application, and all images with what building them leaves.
E2E_MEMORY_GIB: Final = 6
E2E_DISK_GIB: Final = 15
EVERY: Final = (Tier.RUN, Tier.TEST, Tier.COMPAT, Tier.E2E)


def findings() -> Iterator[Finding]:
    """All needs, in the order in which a newcomer meets them."""
    yield _python()
    yield _program("git", EVERY, "install git")
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


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding(
        "Python 3.11 or 3.12",
        EVERY,
        State.READY if supported else State.MISSING,
        f"{version} at {sys.executable}",
        "" if supported else "make PYTHON=/path/to/python3.12 setup",
    )


def _program(name: str, tiers: tuple[Tier, ...], remedy: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, tiers, State.READY if found else State.MISSING, found or "", "" if found else remedy)


def _cache() -> Finding:
    try:
        root = cache_root()
    except HarnessError as error:
        return Finding("cache folder", EVERY, State.MISSING, str(error), "set HARNESS_CACHE_DIR")
    return Finding(
        "cache folder", EVERY, State.READY, f"{root}, {shutil.disk_usage(root).free / 2**30:.0f} GiB free"
    )


def _certificates() -> Finding:
    try:
        bundle = ca_bundle(os.environ)
    except HarnessError as error:
        return Finding("CA bundle", EVERY, State.MISSING, str(error), "set SSL_CERT_FILE")
    return Finding("CA bundle", EVERY, State.READY, str(bundle or "none named: each program uses its own"))


def _environment(profile: Tier, tiers: tuple[Tier, ...]) -> Finding:
    current = venv.is_current(ROOT, profile.value)
    return Finding(
        f"Python packages ({profile})",
        tiers,
        State.READY if current else State.FIRST_USE,
        f"as in requirements/{profile}.txt" if current else "not installed, or not as in the lock",
        "" if current else "make setup" if profile is Tier.TEST else "make run",
    )


def _java() -> Finding:
    found = list(found_runtimes())
    detail = ", ".join(f"Java {java.version} ({java.origin}) at {java.home}" for java in found)
    tiers = (Tier.RUN, Tier.TEST, Tier.COMPAT)
    if any(java.supported for java in found):
        return Finding("Java 17 or 11", tiers, State.READY, detail)
    if list((cache_root() / "packages").glob("java-*")):
        return Finding("Java 17 or 11", tiers, State.READY, "the packaged one")
    return Finding("Java 17 or 11", tiers, State.FIRST_USE, detail or "none found", "harness setup --java")


def _jars(group: str, tiers: tuple[Tier, ...]) -> Finding:
    absent = missing(group)
    state = State.FIRST_USE if absent else State.READY
    return Finding(
        f"Spark's jars: {group}",
        tiers,
        state,
        f"{len(absent)} to fetch" if absent else "in the cache",
        f"harness setup --jars {group}" if absent else "",
    )


def _tool(name: str) -> Finding:
    folder = tool_folder(name)
    tiers = (Tier.E2E,) if name == "kind" else (Tier.TEST, Tier.E2E)
    if folder.is_dir():
        return Finding(name, tiers, State.READY, f"built from {TOOLS[name].module}/go.mod")
    return Finding(
        name, tiers, State.FIRST_USE, f"to build from {TOOLS[name].module}/go.mod", "harness setup --tools"
    )


def _old_python() -> Finding:
    found = old_python.find_python(os.environ)
    name = f"Python {old_python.VERSION}"
    if found:
        return Finding(name, (Tier.COMPAT,), State.READY, str(found))
    return Finding(name, (Tier.COMPAT,), State.MISSING, "none found", f"pyenv install {old_python.VERSION}")


def _docker() -> Iterator[Finding]:
    remedy = E2E_DEPS if shutil.which("apt-get") else "install Docker"
    if not shutil.which("docker"):
        yield Finding("Docker", (Tier.E2E,), State.MISSING, "no docker command", remedy)
        return
    try:
        require_daemon()
    except HarnessError as error:
        yield Finding("Docker", (Tier.E2E,), State.MISSING, *_halves(error))
        return
    if dockerd_too_old():
        detail = f"version {dockerd_version()} asks for capabilities that this machine does not grant"
        yield Finding("Docker", (Tier.E2E,), State.MISSING, detail, remedy)
        return
    yield Finding("Docker", (Tier.E2E,), State.READY, f"server {daemon_version()}")
    yield _buildx(remedy)
    yield _base_image(remedy)
    yield _node_image()
    yield from _room()


def _buildx(remedy: str) -> Finding:
    try:
        version = docker("buildx", "version", doing="ask for the version of buildx").split()[1]
    except HarnessError:
        return Finding("Docker's buildx", (Tier.E2E,), State.MISSING, "Dockerfiles here need BuildKit", remedy)
    return Finding("Docker's buildx", (Tier.E2E,), State.READY, version)


def _base_image(remedy: str) -> Finding:
    name = f"image {BASE}"
    if image_id(BASE):
        return Finding(name, (Tier.E2E,), State.READY, "in Docker")
    if answers(BASE):
        return Finding(name, (Tier.E2E,), State.FIRST_USE, "to pull", "harness images build")
    if shutil.which("mmdebstrap"):
        detail = "no registry answers; to make from Debian's packages"
        return Finding(name, (Tier.E2E,), State.FIRST_USE, detail, "harness images build")
    return Finding(name, (Tier.E2E,), State.MISSING, "no registry answers, and there is no mmdebstrap", remedy)


def _node_image() -> Finding:
    if image_id(node_image()):
        return Finding("image of a cluster's node", (Tier.E2E,), State.READY, "in Docker")
    detail = "to pull, or to build in 20 minutes where no registry answers"
    return Finding("image of a cluster's node", (Tier.E2E,), State.FIRST_USE, detail, "harness cluster up")


def _room() -> Iterator[Finding]:
    available = available_memory()
    if available is not None:
        enough = available >= E2E_MEMORY_GIB * GIB
        detail = f"{available / GIB:.0f} GiB available, {E2E_MEMORY_GIB} are needed"
        state, remedy = (State.READY, "") if enough else (State.MISSING, "stop other programs or clusters")
        yield Finding("memory", (Tier.E2E,), state, detail, remedy)
    folder = daemon_info().data
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        enough = free >= E2E_DISK_GIB * GIB
        detail = f"{free / GIB:.0f} GiB free in {folder}, {E2E_DISK_GIB} are needed"
        state, remedy = (State.READY, "") if enough else (State.MISSING, "harness images prune")
        yield Finding("disk for Docker", (Tier.E2E,), state, detail, remedy)


def _halves(error: HarnessError) -> tuple[str, str]:
    """A sentence "what is wrong: what to do." as finding and remedy."""
    what, _, help_ = str(error).rstrip(".").partition(": ")
    return what, help_
