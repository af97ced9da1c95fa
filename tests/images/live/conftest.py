"""The environment's images in Docker, for the tests of this folder.

Not collected by `make test`: `make test-images` names it. What is not in Docker is built first.
"""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.clusters.docker.client import docker
from harness.clusters.docker.image import local_name
from harness.clusters.images.recipes import recipe
from harness.clusters.images.wanted import Wanted, wanted
from harness.clusters.images.work import Plan, ensure

Run = Callable[..., str]
Start = Callable[..., str]
# Has all that the others have, and what is run by tests only.
ENVIRONMENT = "e2e"


@pytest.fixture(scope="session")
def images() -> list[Wanted]:
    return wanted(ENVIRONMENT)


@pytest.fixture(scope="session")
def plans(images: list[Wanted]) -> list[Plan]:
    """What was done to have them; the images are there afterwards."""
    return ensure(images)


@pytest.fixture(scope="session")
def image(plans: list[Plan], images: list[Wanted]) -> Callable[[str], str]:
    """The name of the image that a folder's Dockerfile makes."""
    by_folder = {how.folder.name: image.name for image in images if (how := recipe(image.repository))}
    return by_folder.__getitem__


@pytest.fixture(scope="session")
def inspect() -> Callable[[str], dict[str, Any]]:
    def inspected(name: str) -> dict[str, Any]:
        details: dict[str, Any] = json.loads(docker("image", "inspect", local_name(name), doing=f"inspect {name}"))[
            0
        ]
        return details

    return inspected


# As the manifests run them: no rights, nothing to write to but what is mounted.
RESTRICTED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp:exec,mode=1777")


@pytest.fixture
def run() -> Run:
    """Runs an image to its end, restricted; returns what it printed."""

    def run_it(name: str, *command: str, options: tuple[str, ...] = (), network: str = "none") -> str:
        done = subprocess.run(
            ["docker", "run", "--rm", *RESTRICTED, f"--network={network}", *options, local_name(name), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, f"{name} {command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run_it


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an image, restricted, in the background; returns the container. All are removed at the end."""
    started: list[str] = []

    def start_it(name: str, *command: str, options: tuple[str, ...] = ()) -> str:
        container = f"test-images-{uuid.uuid4().hex[:8]}"
        started.append(container)
        docker(
            *("run", "--detach", "--name", container, *RESTRICTED, *options, local_name(name), *command),
            doing=f"start {name}",
        )
        return container

    yield start_it
    for container in started:
        docker("rm", "--force", "--volumes", container, doing=f"remove {container}")
