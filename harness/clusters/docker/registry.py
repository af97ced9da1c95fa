"""Whether the registry of an image answers and what it has, pulling from it and pushing to it."""

import functools
import json
from typing import Final

import requests

from harness.clusters.docker.client import docker
from harness.clusters.docker.image import local_name
from harness.errors import HarnessError

_TIMEOUT_SECONDS: Final = 5
_DEFAULT: Final = "registry-1.docker.io"
_MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Media types of what a tag may name; a registry gives only those that a request accepts."""
_NAMES: Final = ("docker.io", "index.docker.io")
HINT: Final = "check the image's name and tag, and your right to pull it ('docker login')"

_PUSH_HINT: Final = "check that the registry has this repository, and your right to push to it ('docker login')"


def host(image: str) -> str:
    """The host of an image's registry, as Docker understands the name.

    >>> host("quay.io/argoproj/argocd:v3.3.0"), host("debian:bookworm-slim"), host("localhost:5000/web")
    ('quay.io', 'registry-1.docker.io', 'localhost:5000')
    """
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost") or first in _NAMES:
        return _DEFAULT
    return first


def answers(image: str) -> bool:
    """Whether an image's registry is reachable, or one of Docker's mirrors has the image."""
    name = host(image)
    if name == _DEFAULT and any(_holds(mirror, image) for mirror in _mirrors()):
        return True
    scheme = "http" if name.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    # Docker's own first request.
    return _answers(f"{scheme}://{name}/v2/")


def pull(image: str) -> None:
    docker("pull", "--quiet", image, doing=f"pull {image}", hint=HINT)


def push(image: str) -> None:
    docker("push", "--quiet", image, doing=f"push {image}", hint=_PUSH_HINT)


def digest(image: str) -> str | None:
    """The digest that an image's registry has for its name and tag; None where it has none, or shows none."""
    try:
        return docker(
            *("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image),
            doing=f"ask for the digest of {image}",
        ).strip()
    except HarnessError:
        return None


@functools.lru_cache
def _mirrors() -> tuple[str, ...]:
    """The daemon's `registry-mirrors`, which are mirrors of Docker Hub."""
    try:
        mirrors = docker(
            "info", "--format", "{{json .RegistryConfig.Mirrors}}", doing="ask for the registry's mirrors"
        )
    except HarnessError:
        return ()
    return tuple(url.rstrip("/") for url in json.loads(mirrors) or ())


def _holds(mirror: str, image: str) -> bool:
    """Whether a mirror has an image; one that asks for credentials may have it."""
    repository, _, tag = local_name(image).partition(":")
    path = repository if "/" in repository else f"library/{repository}"
    return _answers(f"{mirror}/v2/{path}/manifests/{tag or 'latest'}", accept=", ".join(_MANIFESTS))


@functools.lru_cache
def _answers(url: str, accept: str = "*/*") -> bool:
    """Whether a registry answers with 200, or with 401 because it wants credentials."""
    try:
        return requests.get(url, headers={"Accept": accept}, timeout=_TIMEOUT_SECONDS).status_code in (200, 401)
    except requests.RequestException:
        return False
