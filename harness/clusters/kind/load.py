"""Copies images from Docker to a cluster's node, without a registry.

One stream has all that the node lacks, so that a shared layer is copied once. The node unpacks an image when its
first container starts; `kind load` unpacks them beforehand, one after the other.
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
_ABSENT: Final = "'harness images build' builds or pulls what is missing"


def load(cluster: Cluster, images: Iterable[str]) -> list[str]:
    """Copies images to the node, unless it has them with the same content; returns the names of the copied ones."""
    if not cluster.exists():
        raise HarnessError(
            f"There is no cluster {cluster.name}: 'harness cluster up --name {cluster.name}' creates one."
        )
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
    ids = docker(
        "image", "inspect", "--format", "{{.Id}}", *names, doing="look for the images to load", hint=_ABSENT
    )
    return dict(zip(names, ids.split(), strict=True))


def _stream(cluster: Cluster, images: list[str]) -> None:
    program = str(docker_program())
    environment = with_certificates(os.environ)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        # Through a pipe, so that no archive takes disk space.
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
                # So that `docker save` notices when the other ends.
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
