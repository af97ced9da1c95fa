"""What Docker has of an environment's images: how much, into an archive, out of the way."""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import docker, image_id
from harness.clusters.docker.image import INPUTS, local_name
from harness.clusters.without_registry.base import BASE
from harness.errors import HarnessError

_BUILD_FIRST: Final = "'harness images build' makes or pulls it"


def absent(names: Iterable[str]) -> list[str]:
    """Those of the images that Docker does not have."""
    return [name for name in names if image_id(local_name(name)) is None]


def save(names: Sequence[str], file: Path) -> int:
    """Writes images into one archive that `docker load` and `ctr images import` read; layers that they share, once.

    Returns:
        Its size in bytes.
    """
    if lacking := absent(names):
        raise HarnessError(f"Docker has no image {lacking[0]}: {_BUILD_FIRST}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    os.close(handle)
    aside = Path(name)
    try:
        docker("save", "--output", aside, *map(local_name, names), doing=f"write {file}")
        aside.chmod(0o644)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    return file.stat().st_size


def prune(*, everything: bool) -> str:
    """Removes images that newer builds have replaced, and Docker's build cache.

    Args:
        everything: Whether to remove also the images in use, the base image and all of the build cache.

    Returns:
        What Docker says has been freed, such as `1.2GB`, as images and build cache.
    """
    freed = docker("image", "prune", "--force", "--filter", f"label={INPUTS}", doing="remove replaced images")
    if everything:
        listed = docker(
            *("image", "ls", "--filter", f"label={INPUTS}", "--format", "{{.Repository}}:{{.Tag}}"),
            doing="list the images",
        )
        ours = [name for name in listed.split() if "<none>" not in name]
        # The base image last: others are built on it.
        for name in sorted(ours, key=lambda name: name == BASE):
            docker("image", "rm", "--force", name, doing=f"remove {name}", hint="remove the containers that use it")
    cache = docker(
        "builder", "prune", "--force", *(["--all"] if everything else []), doing="remove the build cache"
    )
    return f"images {_total(freed)}, build cache {_total(cache)}"


def sizes(names: Iterable[str]) -> dict[str, int]:
    """The size in bytes of each image that Docker has; layers that several share count in each."""
    present = [name for name in names if image_id(local_name(name))]
    if not present:
        return {}
    form = "{{.Size}}"
    printed = docker("image", "inspect", "--format", form, *map(local_name, present), doing="inspect the images")
    return dict(zip(present, map(int, printed.split()), strict=True))


def build_cache() -> str:
    """How much Docker's build cache takes beyond what images share with it, as Docker writes it (`15.3GB`)."""
    printed = docker("buildx", "du", doing="ask for the size of the build cache")
    found = re.search(r"^(?:Private|Total):\s*(\S+)", printed, re.MULTILINE)
    return found[1] if found else "0B"


def disk_use(names: Iterable[str]) -> int:
    """The bytes that images take together: each layer counts once."""
    layers: dict[str, int] = {}
    for name in names:
        if image_id(local_name(name)) is None:
            continue
        inspected = json.loads(docker("image", "inspect", local_name(name), doing=f"inspect {name}"))[0]
        history = docker(
            *("history", "--no-trunc", "--human=false", "--format", "{{.Size}}", local_name(name)),
            doing=f"inspect {name}",
        )
        # Newest first, with empty steps, where layers are oldest first without.
        by_age = [int(size) for size in reversed(history.split()) if int(size)]
        for layer, size in zip(inspected["RootFS"]["Layers"], by_age, strict=False):
            layers[layer] = size
    return sum(layers.values())


def _total(printed: str) -> str:
    found = re.search(r"Total(?: reclaimed space)?:\s*(\S+)", printed)
    return found[1] if found else "0B"
