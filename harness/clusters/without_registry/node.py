"""The image of a cluster's node, built from pinned Go modules and Debian packages.

`kind` starts it like upstream's `kindest/node`. Its tag is its content key, so that it is built once; after an
interruption, complete Go programs and Docker layers are kept.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import docker, image_id
from harness.clusters.without_registry import components
from harness.clusters.without_registry.base import ensure_base
from harness.clusters.without_registry.components import (
    COMPONENTS,
    CONTROL_PLANE,
    KUBERNETES_VERSION,
    SOURCES,
)
from harness.console import working
from harness.errors import HarnessError
from harness.machine import gobuild
from harness.machine.cache import cache_root, content_key, locked
from harness.machine.packages import NETWORK_HINT
from harness.paths import ROOT

REPOSITORY: Final = "lakehouse/kind-node"
KIND: Final = "sigs.k8s.io/kind"
TOOLS: Final = ROOT / "tools"


def node_image() -> str:
    """The name of the image, with its content key; nothing is built."""
    sources = [SOURCES / "Dockerfile", *sorted(path for path in (SOURCES / "files").rglob("*") if path.is_file())]
    programs = [component.programs_folder().name for component in COMPONENTS]
    key = content_key(*map(str, pod_images()), *programs, gobuild.version_of(KIND, TOOLS), *sources)
    return f"{REPOSITORY}:{KUBERNETES_VERSION}-{key}"


def pod_images() -> Mapping[str, str]:
    """The images of the node's own pods, with their stages of the Dockerfile.

    kubeadm asks for those of Kubernetes by these names; the build of the node checks that.
    """
    kubernetes = {f"registry.k8s.io/{name}:{KUBERNETES_VERSION}": name for name in CONTROL_PLANE}
    return {
        **kubernetes,
        f"registry.k8s.io/etcd:{components.ETCD.version.removeprefix('v')}-0": "etcd",
        f"registry.k8s.io/coredns/coredns:{components.COREDNS.version}": "coredns",
        "registry.k8s.io/pause:3.10.2": "pause",
        f"docker.io/rancher/local-path-provisioner:{components.STORAGE.version}": "local-path-provisioner",
        f"docker.io/cloudnativelabs/kube-router:{components.NETWORK.version}": "kube-router",
    }


def build_node_image() -> str:
    """Builds the image on first use (20 minutes on two cores, a minute if only files changed); returns its name."""
    name = node_image()
    with locked(cache_root() / "node-image.lock"):
        if image_id(name) is None:
            _build(name)
    return name


def _build(name: str) -> None:
    ensure_base(pull=True)
    with working("building the node image", usually="20 minutes on two cores") as say, _context() as context:
        (context / "Dockerfile").write_bytes((SOURCES / "Dockerfile").read_bytes())
        for image, stage in pod_images().items():
            say(f"building {image}")
            _docker_build(context, stage, image)
        say("building the node's image")
        docker(
            "save", "--output", context / "images.tar", *pod_images(), doing="save the images of the node's pods"
        )
        _docker_build(context, "node", name, "--build-arg", f"KUBERNETES_VERSION={KUBERNETES_VERSION}")
        docker("image", "rm", *pod_images(), doing="remove the images that the node holds")
    _remove_others(name)


def _remove_others(name: str) -> None:
    """Removes earlier images, except those that a cluster uses."""
    form = "{{.Repository}}:{{.Tag}}"
    for other in docker("image", "ls", "--format", form, REPOSITORY, doing="list the node's images").split():
        if other != name:
            with contextlib.suppress(HarnessError):
                docker("image", "rm", other, doing=f"remove {other}")


def _docker_build(context: Path, stage: str, name: str, *options: str) -> None:
    docker(
        *("build", "--quiet", "--target", stage, "--tag", name, *options),
        context,
        doing=f"build the image {name}",
        hint=NETWORK_HINT,
    )


@contextmanager
def _context() -> Iterator[Path]:
    """A folder with all that the Dockerfile copies; programs are hard links to the cache."""
    with tempfile.TemporaryDirectory(prefix=".node-image.", dir=cache_root()) as folder:
        context = Path(folder)
        for component in COMPONENTS:
            target = context / ("cni" if component is components.CNI else "bin")
            target.mkdir(exist_ok=True)
            for program in component.programs().iterdir():
                os.link(program, target / program.name)
        shutil.copytree(SOURCES / "files", context / "files")
        _copy_writable(gobuild.sources_of(KIND, TOOLS) / "images" / "base" / "files", context / "kind")
        yield context


def _copy_writable(source: Path, target: Path) -> None:
    """Copies a folder of Go's module cache, which is read-only, into writable folders."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
