"""What Docker has of an environment's images: how much, into an archive, out of the way."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.clusters.docker.client import docker, image_id
from harness.clusters.docker.image import INPUTS, local_name
from harness.clusters.without_registry.base import BASE
from harness.errors import HarnessError
from harness.files import replacing


def absent(names: Iterable[str]) -> list[str]:
    return [name for name in names if image_id(local_name(name)) is None]


def save(names: Sequence[str], file: Path) -> int:
    """Writes images to one archive for `docker load`, shared layers once; returns its size in bytes."""
    if missing := absent(names):
        raise HarnessError(f"Docker has no image {missing[0]}: 'harness images build' builds or pulls it.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as aside:
        docker("save", "--output", aside, *map(local_name, names), doing=f"write {file}")
    return file.stat().st_size


def prune(*, everything: bool) -> str:
    """Removes replaced images and the build cache, or all images and all of the cache; returns what was freed."""
    freed = docker("image", "prune", "--force", "--filter", f"label={INPUTS}", doing="remove replaced images")
    if everything:
        form = ("--format", "{{.Repository}}:{{.Tag}}")
        listed = docker("image", "ls", "--filter", f"label={INPUTS}", *form, doing="list the images").split()
        # The base image last: others are built on it.
        for name in sorted(listed, key=lambda name: name == BASE):
            if "<none>" not in name:
                hint = "remove the containers that use it"
                docker("image", "rm", "--force", name, doing=f"remove {name}", hint=hint)
    options = ["--all"] if everything else []
    cache = docker("builder", "prune", "--force", *options, doing="remove the build cache")
    return f"images {_total(freed)}, build cache {_total(cache)}"


def sizes(names: Iterable[str]) -> dict[str, int]:
    """The size in bytes of each image that Docker has; a shared layer counts in each."""
    return {name: int(image["Size"]) for name, image in _inspected(names).items()}


def build_cache() -> str:
    """How much Docker's build cache takes beyond what images share with it, as Docker writes it (`15.3GB`)."""
    printed = docker("buildx", "du", doing="ask for the size of the build cache")
    size = re.search(r"^(?:Private|Total):\s*(\S+)", printed, re.MULTILINE)
    return size[1] if size else "0B"


def disk_use(names: Iterable[str]) -> int:
    """The bytes that images take together: each layer counts once."""
    layers: dict[str, int] = {}
    for name, image in _inspected(names).items():
        options = ("--no-trunc", "--human=false", "--format", "{{.Size}}")
        history = docker("history", *options, local_name(name), doing=f"inspect {name}")
        # Newest first and with empty steps; the layers are oldest first and without.
        by_age = [int(size) for size in reversed(history.split()) if int(size)]
        layers.update(zip(image["RootFS"]["Layers"], by_age, strict=False))
    return sum(layers.values())


def _inspected(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    present = [name for name in names if image_id(local_name(name))]
    if not present:
        return {}
    printed = docker("image", "inspect", *map(local_name, present), doing="inspect the images")
    return dict(zip(present, json.loads(printed), strict=True))


def _total(printed: str) -> str:
    size = re.search(r"Total(?: reclaimed space)?:\s*(\S+)", printed)
    return size[1] if size else "0B"
