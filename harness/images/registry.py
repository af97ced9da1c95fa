"""Whether the registry of an image answers, and pulling from it."""

import functools
import json
from typing import Final

import requests

from harness.docker.client import docker
from harness.errors import HarnessError

_TIMEOUT_SECONDS: Final = 5
_DEFAULT: Final = "registry-1.docker.io"
_NAMES: Final = ("docker.io", "index.docker.io")
HINT: Final = "check the image's name and tag, and your right to pull it ('docker login')"


def host(image: str) -> str:
    """The host of an image's registry, as Docker understands the name.

    >>> host("quay.io/argoproj/argocd:v3.3.0"), host("debian:bookworm-slim"), host("localhost:5000/web")
    ('quay.io', 'registry-1.docker.io', 'localhost:5000')
    """
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost") or first in _NAMES:
        return _DEFAULT
    return first


def local_name(image: str) -> str:
    """The name under which Docker lists an image: without the parts that it takes for granted.

    >>> local_name("docker.io/library/postgres:15.18-bookworm"), local_name("docker.io/prom/prometheus:v3.5.3")
    ('postgres:15.18-bookworm', 'prom/prometheus:v3.5.3')
    """
    return image.removeprefix("docker.io/").removeprefix("library/")


def answers(image: str) -> bool:
    """Whether the registry of an image, or a mirror that Docker is told of, can be reached; each is asked once."""
    name = host(image)
    scheme = "http" if name.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    mirrors = _mirrors() if name == _DEFAULT else ()
    return any(_answers(url) for url in (*mirrors, f"{scheme}://{name}"))


def pull(image: str) -> None:
    """Pulls an image.

    Raises:
        HarnessError: It could not be had.
    """
    docker("pull", "--quiet", image, doing=f"pull {image}", hint=HINT)


@functools.lru_cache
def _mirrors() -> tuple[str, ...]:
    """URLs in the daemon's `registry-mirrors`: mirrors of Docker Hub, the only registry that can have any."""
    try:
        told = docker(
            "info", "--format", "{{json .RegistryConfig.Mirrors}}", doing="ask for the registry's mirrors"
        )
    except HarnessError:
        return ()
    return tuple(url.rstrip("/") for url in json.loads(told) or ())


@functools.lru_cache
def _answers(url: str) -> bool:
    try:
        # Docker's own first question; a registry says 200, or 401 when it wants to know who asks.
        return requests.get(f"{url}/v2/", timeout=_TIMEOUT_SECONDS).status_code in (200, 401)
    except requests.RequestException:
        return False
