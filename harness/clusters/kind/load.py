"""Brings images from Docker into a cluster's node, without a registry.

All that the node lacks goes over in one stream, so that a layer that several images share goes over once. The node
keeps it packed: an image is unpacked when its first container starts, which `kind load` does beforehand, one image
after the other.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import Final

from harness.clusters.docker.client import docker, docker_program, explained
from harness.clusters.docker.image import full_name
from harness.clusters.kind.cluster import Cluster
from harness.errors import HarnessError
from harness.machine.proxy.certificates import with_certificates

_IMPORT: Final = ("ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "-")
_ABSENT: Final = "'harness images build' makes what is missing"


def load(cluster: Cluster, images: Iterable[str]) -> list[str]:
    """Brings images into the node; those that it already has with the same content stay as they are.

    Args:
        cluster: Which.
        images: Names of images in Docker.

    Returns:
        The names of those that were brought over.
    """
    if not cluster.exists():
        made = f"'harness cluster up --name {cluster.name}' makes one"
        raise HarnessError(f"There is no cluster {cluster.name}: {made}.")
    wanted = _ids(images)
    listed = docker("exec", cluster.node, "crictl", "images", "--output=json", doing="list the node's images")
    held = held_images(listed)
    absent = [name for name, image in wanted.items() if held.get(full_name(name)) != image]
    if absent:
        _stream(cluster, absent)
    return absent


def held_images(text: str) -> Mapping[str, str]:
    """Ids by full name of the images that a node has, from what `crictl images --output=json` prints."""
    return {tag: image["id"] for image in json.loads(text)["images"] for tag in image.get("repoTags") or []}


def _ids(images: Iterable[str]) -> dict[str, str]:
    names = list(dict.fromkeys(images))
    if not names:
        return {}
    # One question for all; Docker answers for those that exist, in order, and complains about the others.
    ids = docker(
        "image", "inspect", "--format", "{{.Id}}", *names, doing="look for the images to load", hint=_ABSENT
    )
    return dict(zip(names, ids.split(), strict=True))


def _stream(cluster: Cluster, images: list[str]) -> None:
    program = str(docker_program())
    environment = with_certificates(os.environ)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        # A pipe from one to the other: nothing lies on the disk twice.
        save = subprocess.Popen(
            [program, "save", *images], stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        take = subprocess.Popen(
            [program, "exec", "--interactive", cluster.node, *_IMPORT],
            stdin=save.stdout,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=environment,
        )
        try:
            if save.stdout:
                # So that the one notices when the other ends.
                save.stdout.close()
            failed = [take.wait(), save.wait()]
        finally:
            for process in (save, take):
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        complaints.seek(0)
        if any(failed):
            raise explained(complaints.read(), doing=f"load images into {cluster.name}", hint=cluster.look)
