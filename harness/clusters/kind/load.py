"""Copies images from Docker to a cluster's nodes, without a registry.

One stream has all that the nodes lack, so that a shared layer is read once. The node unpacks an image when its
first container starts; `kind load` unpacks them beforehand, one after the other.
"""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Final

from harness.clusters.docker.client import docker, docker_program, explained
from harness.clusters.docker.image import full_name
from harness.clusters.kind.cluster import Cluster
from harness.errors import HarnessError
from harness.machine.proxy.certificates import with_certificates

_IMPORT: Final = ("ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "-")
_PIECE: Final = 1 << 20
_ABSENT: Final = "'harness images build' builds or pulls what is missing"


def load(cluster: Cluster, images: Iterable[str]) -> list[str]:
    """Copies images to the nodes that lack them with the same content; returns the names of the copied ones."""
    if not cluster.exists():
        raise HarnessError(
            f"There is no cluster {cluster.name}: 'harness cluster up --name {cluster.name}' creates one."
        )
    wanted = _ids(images)
    lacking: dict[str, set[str]] = {}
    for node in cluster.hosts():
        listed = docker("exec", node, "crictl", "images", "--output=json", doing=f"list the images of {node}")
        held = held_images(listed)
        lacking[node] = {name for name, image in wanted.items() if held.get(full_name(name)) != image}
    absent = [name for name in wanted if any(name in names for names in lacking.values())]
    if absent:
        _stream(cluster, [node for node, names in lacking.items() if names], absent)
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


def _stream(cluster: Cluster, nodes: list[str], images: list[str]) -> None:
    program = str(docker_program())
    environment = with_certificates(os.environ)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        # Through pipes, so that no archive takes disk space.
        save = subprocess.Popen(
            [program, "save", *images], stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        takes = [
            subprocess.Popen(
                [program, "exec", "--interactive", node, *_IMPORT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env=environment,
            )
            for node in nodes
        ]
        try:
            _copy(save, takes)
            failed = [process.wait() for process in (*takes, save)]
        finally:
            for process in (save, *takes):
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        complaints.seek(0)
        if any(failed):
            raise explained(complaints.read(), doing=f"load images into {cluster.name}", hint=cluster.look)


def _copy(source: subprocess.Popen[bytes], targets: Sequence[subprocess.Popen[bytes]]) -> None:
    """Gives one process's output to others, until it ends or one of them does, which says why by itself."""
    with contextlib.ExitStack() as pipes:
        output = pipes.enter_context(source.stdout) if source.stdout else None
        inputs = [pipe for target in targets if (pipe := target.stdin)]
        for pipe in inputs:
            pipes.callback(_close, pipe)
        with contextlib.suppress(BrokenPipeError):
            while output and (piece := output.read(_PIECE)):
                for pipe in inputs:
                    pipe.write(piece)


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
