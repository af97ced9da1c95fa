"""Image references: where manifests have them, and what they say."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-+._].*)?")

REGISTRY: Final = r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9][a-z0-9._-]*)*"
"""A registry and an owner of images in it, such as docker.io/you."""


class ImageReference(NamedTuple):
    """Repository, tag and digest of an image; empty for what it does not have."""

    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        tag, digest = (self.tag and f":{self.tag}"), (self.digest and f"@{self.digest}")
        return f"{self.repository}{tag}{digest}"


def reference(image: str) -> ImageReference:
    """Takes an image's name apart.

    >>> reference("registry:5000/web:1.2@sha256:0ab")
    ImageReference(repository='registry:5000/web', tag='1.2', digest='sha256:0ab')
    """
    rest, _, digest = image.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageReference(f"{head}{slash}{name}", tag, digest)


def images_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "image" and isinstance(item, str) and item:
                yield item
            else:
                yield from images_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from images_in(item)


def version(tag: str) -> tuple[int, ...] | None:
    """The version that a tag starts with, or None."""
    match = _VERSION.fullmatch(tag)
    return tuple(map(int, match[1].split("."))) if match else None


def floating(image: str) -> bool:
    """Whether the image can be another one tomorrow by design: no tag and no digest, or `latest`."""
    _, tag, digest = reference(image)
    return not digest and tag in ("", "latest")
