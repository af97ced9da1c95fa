"""What the project pins, and where: images, Go modules, Python packages, actions."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml


class Kind(StrEnum):
    """What is pinned, which decides who knows its newest version."""

    IMAGE = "image"
    GO = "Go module"
    PYTHON = "Python package"
    ACTION = "action"


@dataclass(frozen=True, order=True)
class Pin:
    """A version that the project chose, and the files that say so."""

    kind: Kind
    name: str
    version: str
    files: tuple[str, ...]


_ACTION: Final = re.compile(r"uses: ([\w.-]+/[\w.-]+)[\w./-]*@[0-9a-f]{40} # (v\S+)")
_DIRECT: Final = re.compile(r"^(?:require )?\t?([\w.-]+\.[\w.-]+/\S+) (v\S+)$", re.MULTILINE)
_INDIRECT: Final = re.compile(r"^(?:require )?\t?([\w.-]+\.[\w.-]+/\S+) (v\S+) // indirect$", re.MULTILINE)
_TOOL: Final = re.compile(r"^(?:tool |\t)([\w.-]+\.[\w.-]+/[^\s ]+)$", re.MULTILINE)
_PACKAGE: Final = re.compile(r"^([A-Za-z][\w.-]*)", re.MULTILINE)
_OWN: Final = "lakehouse/"
_SINGLE: Final = (
    (Kind.IMAGE, "debian", r'"debian:([\w.-]+)"', "harness/clusters/without_registry/base.py"),
    (Kind.IMAGE, "kindest/node", r"kindest/node:(v[\d.]+)", "harness/clusters/kind/node.py"),
    (Kind.GO, "k8s.io/kubernetes", r"--kubernetes-version (v[\d.]+)", "docs/minikube.md"),
)


def pins(root: Path) -> list[Pin]:
    """All of them, each once with every file that has it."""
    where: dict[tuple[Kind, str, str], list[str]] = {}
    for kind, name, version, file in _all(root):
        where.setdefault((kind, name, version), []).append(file.relative_to(root).as_posix())
    return sorted(Pin(*key, tuple(sorted(set(files)))) for key, files in where.items())


def _all(root: Path) -> Iterator[tuple[Kind, str, str, Path]]:
    for file in root.glob("overlays/*/images/kustomization.yaml"):
        for image in yaml.safe_load(file.read_text(encoding="utf-8"))["images"]:
            if not image["name"].startswith(_OWN):
                yield Kind.IMAGE, image["name"], image["newTag"], file
    for top in ("tools", "images"):
        for file in (root / top).rglob("go.mod"):
            yield from ((Kind.GO, name, version, file) for name, version in _modules(file.read_text("utf-8")))
    for file in (root / "requirements").glob("*.in"):
        lock = file.with_suffix(".txt")
        for name in _PACKAGE.findall(file.read_text(encoding="utf-8")):
            locked = re.search(rf"^{re.escape(name)}(?:\[\S+)?==(\S+)", lock.read_text("utf-8"), re.I | re.M)
            if locked:
                yield Kind.PYTHON, name.lower(), locked[1], lock
    for kind, name, pattern, path in _SINGLE:
        file = root / path
        yield from ((kind, name, version, file) for version in re.findall(pattern, file.read_text("utf-8")))
    for file in (root / "action.yml", *root.glob(".github/workflows/*.yml"), *root.glob("docs/ci/*.yml")):
        for name, version in _ACTION.findall(file.read_text(encoding="utf-8")):
            yield Kind.ACTION, name, version, file


def _modules(text: str) -> Iterable[tuple[str, str]]:
    """The modules that a go.mod asks for itself: its direct requirements, and those of its tools."""
    wanted = _DIRECT.findall(text)
    tools = _TOOL.findall(text)
    indirect = dict(_INDIRECT.findall(text))
    for tool in tools:
        owners = [name for name in indirect if f"{tool}/".startswith(f"{name}/")]
        if owners:
            owner = max(owners, key=len)
            wanted.append((owner, indirect[owner]))
    # Kubernetes' own parts have a version by `replace` alone.
    return {(name, version) for name, version in wanted if version != "v0.0.0"}
