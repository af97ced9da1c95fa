"""The things that each tier of commands needs, looked up on this machine; nothing is fetched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.setup import compat, venv
from harness.setup.cache import cache_root
from harness.setup.certificates import ca_bundle
from harness.setup.jars import missing
from harness.setup.java import found_runtimes
from harness.setup.packages import ROOT
from harness.setup.tools import TOOLS, tool_folder


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
    yield _docker()


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
    found = compat.find_python(os.environ)
    name = f"Python {compat.VERSION}"
    if found:
        return Finding(name, (Tier.COMPAT,), State.READY, str(found))
    return Finding(name, (Tier.COMPAT,), State.MISSING, "none found", f"pyenv install {compat.VERSION}")


def _docker() -> Finding:
    program = shutil.which("docker")
    if program is None:
        return Finding("Docker", (Tier.E2E,), State.MISSING, "no docker command", "install Docker")
    answer = _docker_server(Path(program))
    if answer:
        return Finding("Docker", (Tier.E2E,), State.READY, f"server {answer}")
    return Finding("Docker", (Tier.E2E,), State.MISSING, "the daemon does not answer", "start the Docker daemon")


def _docker_server(program: Path) -> str:
    try:
        done = subprocess.run(
            [program, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
