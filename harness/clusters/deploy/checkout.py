"""The commit that an environment's Argo CD reads: this checkout, with the address where it is served."""

import os
import tarfile
from collections.abc import Callable, Collection, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import yaml

from harness.clusters.deploy.git import Scratch, with_files, working_tree
from harness.clusters.deploy.served import BRANCH, URL
from harness.clusters.without_registry.replaced import REPLACED
from harness.errors import HarnessError
from harness.manifests.environments import overlay, roots

MANIFESTS: Final = Path("harness/clusters/deploy/manifests")
_READ: Final = (
    "base",
    "components",
    "overlays",
    "harness/clusters",
    "tests/aws",
    "tests/e2e",
    "tests/nodes",
    "tests/sign_in_cluster",
)
"""Folders that kustomizations read, as far as a checkout has them."""


def served_commit(
    git: Scratch, root: Path, environment: str, *, without_aws: bool = False, absent: Collection[str] = ()
) -> str:
    """A commit of the working tree whose overlay follows the git server in the cluster.

    `without_aws` is for an environment for AWS on another cluster: the waves must not wait for what AWS alone does,
    and its containers request less CPU. `absent` names the unavailable images among `replaced.REPLACED`.
    """
    where = overlay(root, environment).relative_to(root)
    read = {part.name: part.inputs.files for part in roots(root, environment)}
    wanted = {"cicd": [MANIFESTS / "delivery"]}
    if without_aws:
        wanted["cicd"].append(MANIFESTS / "without-aws")
        # Its sizes are those of three machines.
        for unit in read:
            wanted.setdefault(unit, []).append(MANIFESTS / "small")
    for repository in sorted(absent):
        for unit, component in REPLACED[repository].items():
            wanted.setdefault(unit, []).append(Path(component))
    source = where / "source" / "source.yaml"
    changes = {source.as_posix(): _edited(root / source, _follow)}
    for unit, components in wanted.items():
        file = where / unit / "kustomization.yaml"
        # What the unit builds on may have one switched on already.
        missing = [item for item in components if f"{item.as_posix()}/kustomization.yaml" not in read.get(unit, ())]
        changes[file.as_posix()] = _edited(root / file, partial(_switch_on, file.parent, missing))
    message = f"Let {environment} follow the git server in the cluster"
    return with_files(git, working_tree(git), changes, message)


def _follow(document: dict[str, Any]) -> None:
    document["data"] |= {"url": URL, "revision": BRANCH}


def _switch_on(folder: Path, components: Sequence[Path], document: dict[str, Any]) -> None:
    paths = [Path(os.path.relpath(component, folder)).as_posix() for component in components]
    if paths:
        document["components"] = [*document.get("components", []), *paths]


def export(git: Scratch, commit: str, folder: Path) -> None:
    """Writes what kustomizations read of a commit into a folder."""
    known = set(git.run("ls-tree", "-d", "-r", "--name-only", commit).splitlines())
    archive = git.read("archive", "--format=tar", commit, "--", *(path for path in _READ if path in known))
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def _edited(file: Path, edit: Callable[[dict[str, Any]], None]) -> bytes:
    """A YAML file after an edit; as it is, comments and all, where the edit changes nothing."""
    try:
        text = file.read_text(encoding="utf-8")
        document, same = yaml.safe_load(text), yaml.safe_load(text)
        edit(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise HarnessError(
            f"{file} is not as it must be ({type(error).__name__}): see overlays/minikube for its form."
        ) from error
    return text.encode() if document == same else yaml.safe_dump(document, sort_keys=False).encode()
