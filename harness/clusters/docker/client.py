r"""Runs the `docker` command; what goes wrong is one sentence with the command that helps.

>>> docker("image", "ls", "--quiet", doing="list the images")
'3f1c…\n'
>>> image_id("debian:bookworm-slim")
'sha256:…'
"""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.process import run, telling_line
from harness.machine.proxy.certificates import with_certificates

LOOK: Final = "'harness doctor e2e' tells what this machine lacks"


@dataclass(frozen=True)
class Cause:
    """A failure of docker that the user can correct."""

    pattern: re.Pattern[str]
    message: str
    help: str


CAUSES: Final = (
    Cause(
        re.compile(r"permission denied.*(docker daemon|docker API|docker\.sock)", re.IGNORECASE),
        "No permission to talk to Docker's daemon",
        "add yourself to the group docker (sudo usermod -aG docker $USER, then log in again), or run it as root",
    ),
    Cause(
        re.compile(
            r"(cannot connect to|failed to connect to) the docker (daemon|API)|is the docker daemon running"
            r"|docker\.sock: connect:|error during connect",
            re.IGNORECASE,
        ),
        "Docker's daemon does not answer",
        "start it (on Debian or Ubuntu, as root: make e2e-deps)",
    ),
    Cause(
        re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE),
        "Could not {doing}: the disk with Docker's data is full",
        "make room ('docker system df' shows what is used, 'harness images prune' frees it)",
    ),
    Cause(
        re.compile(r"unable to apply caps: operation not permitted", re.IGNORECASE),
        "Could not {doing}: this Docker asks for capabilities that the machine does not grant",
        "use Docker 26 or newer (on Debian or Ubuntu, as root: make e2e-deps)",
    ),
)


def docker_program() -> Path:
    program = shutil.which("docker")
    if program is None:
        raise HarnessError(
            "There is no docker command: install Docker (on Debian or Ubuntu, as root: make e2e-deps)."
        )
    return Path(program)


def docker(
    *arguments: str | Path, doing: str, hint: str = LOOK, on_line: Callable[[str], None] | None = None
) -> str:
    """Runs `docker ARGUMENTS` to its end; `on_line` gets each line of both outputs, and makes both the result.

    When it fails for a reason that is not in `CAUSES`, the error is "Could not {doing} (…): {hint}."
    """
    return run(
        [docker_program(), *arguments],
        doing=doing,
        hint=hint,
        env=with_certificates(os.environ),
        on_line=on_line,
        together=on_line is not None,
        explain=partial(known_cause, doing=doing),
    )


def known_cause(said: str, *, doing: str) -> HarnessError | None:
    """The error for a failure that is in `CAUSES`, from what docker printed; None for any other."""
    cause = next((cause for cause in CAUSES if cause.pattern.search(said)), None)
    return HarnessError(f"{cause.message.format(doing=doing)}: {cause.help}.") if cause else None


def explained(said: str, *, doing: str, hint: str) -> HarnessError:
    return known_cause(said, doing=doing) or HarnessError(f"Could not {doing} ({telling_line(said)}): {hint}.")


def daemon_version() -> str | None:
    try:
        return docker("version", "--format", "{{.Server.Version}}", doing="ask for the version").strip() or None
    except HarnessError:
        return None


def require_daemon() -> None:
    docker("version", "--format", "{{.Server.Version}}", doing="talk to Docker's daemon")


def image_id(name: str) -> str | None:
    """The id (`sha256:…`) of a local image, or None."""
    return docker("image", "ls", "--no-trunc", "--quiet", name, doing=f"look for the image {name}").strip() or None


def image_label(name: str, label: str) -> str | None:
    if image_id(name) is None:
        return None
    form = f'{{{{ index .Config.Labels "{label}" }}}}'
    return docker("image", "inspect", "--format", form, name, doing=f"inspect the image {name}").strip() or None


def containers(*, label: str) -> list[str]:
    """Names of all containers, running or not, with a label (`key` or `key=value`)."""
    listed = docker("ps", "-a", "--filter", f"label={label}", "--format", "{{.Names}}", doing="list containers")
    return listed.split()
