"""What each environment consists of, as goldens: a resource that comes, goes or differs is a deliberate change."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.machine.proxy.certificates import with_certificates
from harness.machine.tools import tool
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.kubernetes_yaml import load
from harness.manifests.upstream import git_environment
from harness.manifests.values import canonical
from tests.overlays.listing import listings

pytestmark = pytest.mark.tools

Golden = Callable[[str, str], None]
HASH = re.compile(r"-[bcdfghkmt2456789]{10}(?![a-z0-9-])")


def identity(resource: dict[str, Any]) -> str:
    metadata = resource["metadata"]
    return f"{resource['kind']} {metadata.get('namespace', '-')} {HASH.sub('', metadata['name'])}"


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Leaves by path; items of a list by their name where they have one."""
    if isinstance(value, dict):
        items = [(str(key).replace("/", "~"), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [
            (str(item["name"]) if isinstance(item, dict) and "name" in item else str(index), item)
            for index, item in enumerate(value)
        ]
    else:
        return {path: HASH.sub("", str(value))}
    leaves: dict[str, str] = {}
    for key, item in items:
        leaves |= flat(item, f"{path}/{key}")
    return leaves


def test_a_list_of_folders_is_complete(repo: Path, golden: Golden) -> None:
    for file, text in listings(repo):
        golden(str(file), text)


def test_the_inventory(overlay: Any, golden: Golden) -> None:
    golden(f"{overlay.name}.txt", "\n".join(sorted(map(identity, overlay.resources))) + "\n")


def test_the_differences_between_the_environments(overlay_of: Callable[[str], Any], golden: Golden) -> None:
    sides = {
        name: {identity(resource): resource for resource in overlay_of(name).resources}
        for name in ("minikube", "eks")
    }
    lines: list[str] = []
    for key in sorted(sides["minikube"].keys() | sides["eks"].keys()):
        missing = [name for name, side in sides.items() if key not in side]
        if missing:
            lines.append(f"{key}: not in {missing[0]}")
            continue
        left, right = (flat(side[key]) for side in sides.values())
        lines += [
            f"{key}: {path}" for path in sorted(left.keys() | right.keys()) if left.get(path) != right.get(path)
        ]
    golden("differences.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", ["minikube", "eks"])
def test_the_whole_is_the_sum_of_its_parts(repo: Path, name: str) -> None:
    """Kustomize builds overlays/<env> at once into the same resources as the harness in parts."""
    parts = roots(repo, name)
    remotes = [base for root in parts for base in root.inputs.remote_bases]
    environment = {**with_certificates({"PATH": "/usr/bin:/bin"}), **git_environment(remotes)}
    done = subprocess.run(
        [tool("kustomize"), "build", str(repo / "overlays" / name)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # A CRD is no different for being built beside others, and takes a second to parse.
    texts = [text for text in done.stdout.split("\n---\n") if "\nkind: CustomResourceDefinition\n" not in text]
    whole = [item for text in texts for item in load(text)]
    built = [
        item.value for build in build_all([root for root in parts if root.in_whole]) for item in build.resources
    ]
    built = [item for item in built if item["kind"] != "CustomResourceDefinition"]
    assert sorted(map(canonical, built)) == sorted(map(canonical, whole))
