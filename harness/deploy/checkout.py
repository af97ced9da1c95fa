"""What of this checkout an environment's Argo CD reads: a commit of it, told where it is served."""

import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import yaml

from harness.deploy.git import Scratch, with_files, working_tree
from harness.deploy.served import BRANCH, URL
from harness.errors import HarnessError
from harness.render.environments import overlay

MANIFESTS: Final = Path("harness/deploy/manifests")
_READ: Final = ("base", "components", "overlays", "harness/deploy", "tests/e2e")
"""The folders that kustomizations are made of; of those, what a checkout has."""


def served_commit(git: Scratch, root: Path, environment: str, *, without_aws: bool) -> str:
    """A commit of the working tree whose overlay follows the git server in the cluster.

    Args:
        git: The checkout's.
        root: The checkout.
        environment: The environment.
        without_aws: The environment is made for AWS and the cluster is elsewhere: the waves must not wait for what
            only AWS does.

    Returns:
        The commit's name. Its parent is the working tree, if it differs from that.

    Raises:
        HarnessError: There is no such environment, or its files are not as they have to be.
    """
    folder = overlay(root, environment)
    where = folder.relative_to(root)
    components = ["delivery", "without-aws"] if without_aws else ["delivery"]
    wanted = [MANIFESTS / name for name in components]
    source, cicd = where / "source" / "source.yaml", where / "cicd" / "kustomization.yaml"
    up = "/".join([".."] * len(cicd.parent.parts))

    def follow(document: dict[str, Any]) -> None:
        document["data"] |= {"url": URL, "revision": BRANCH}

    def deliver(document: dict[str, Any]) -> None:
        there = document.setdefault("components", [])
        there += [path for path in (f"{up}/{name}" for name in wanted) if path not in there]

    changes = {
        source.as_posix(): _edited(root / source, follow),
        cicd.as_posix(): _edited(root / cicd, deliver),
    }
    message = f"Let {environment} follow the git server in the cluster"
    return with_files(git, working_tree(git), changes, message)


def export(git: Scratch, commit: str, folder: Path) -> None:
    """Writes what kustomizations read of a commit into a folder.

    Raises:
        HarnessError: Git failed.
    """
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
            f"{file} cannot be read as it has to be ({type(error).__name__}): see overlays/minikube for its form."
        ) from error
    return text.encode() if document == same else yaml.safe_dump(document, sort_keys=False).encode()
