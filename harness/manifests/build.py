"""Builds kustomizations: in parallel, and again only when something that they read has changed."""

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.manifests.cache import Cache
from harness.manifests.environments import Unit
from harness.manifests.kubernetes_yaml import YamlError, load, split
from harness.manifests.problem import Problem
from harness.manifests.tree import Tree
from harness.manifests.upstream import git_environment

_FORMAT: Final = "1"
"""Raised when what is cached changes its shape."""
_TIMEOUT_SECONDS: Final = 120
_TWICE: Final = "already registered id"
_TWICE_SAID: Final = "is in it twice"
_BIG_DOCUMENT: Final = 20_000
"""Bytes from which on a document's parsed form is kept by itself: CRDs take seconds to parse and seldom change."""


@dataclass(frozen=True)
class Rendered:
    """One resource as kustomize wrote it.

    Attributes:
        value: The resource.
        text: Its YAML.
    """

    value: dict[str, Any]
    text: str

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.value.get("kind", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return str((self.value.get("metadata") or {}).get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace; empty for what has none."""
        return str((self.value.get("metadata") or {}).get("namespace", ""))


@dataclass(frozen=True)
class Build:
    """What became of a unit.

    Attributes:
        unit: The unit.
        key: Content key of all its inputs.
        resources: The resources, in kustomize's order; empty when it could not be built.
        problems: Why it could not be built.
    """

    unit: Unit
    key: str
    resources: list[Rendered] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def build_all(units: Sequence[Unit], *, offline: bool = False) -> list[Build]:
    """Builds units, at most as many at the same time as there are processors.

    Raises:
        HarnessError: kustomize itself cannot be had.
    """
    from harness.machine.tools import tool_folder

    version = tool_folder("kustomize").name
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(lambda unit: _build(unit, version, offline=offline), units))


def _build(unit: Unit, version: str, *, offline: bool) -> Build:
    from harness.machine.tools import tool

    tree = unit.tree
    key = tree.key(version, _FORMAT)
    if tree.problems:
        return Build(unit, key, problems=tree.problems)
    cache = Cache("builds")
    cached = cache.get(key)
    if cached is not None:
        return Build(unit, key, [Rendered(value, text) for value, text in cached])
    if problems := tree.syntax_problems():
        return Build(unit, key, problems=problems)
    program = tool("kustomize")
    try:
        resources = _parse(_kustomize(program, unit.folder, tree, offline=offline))
    except (HarnessError, YamlError) as error:
        said, kustomization = str(error), tree.kustomizations[0].file
        file = next((path for path in tree.files if path.name in said and path != kustomization), kustomization)
        line = next((line for remote, _, line in tree.remotes if remote.url in said), None)
        if line is None and file == kustomization:
            quoted = re.search(r'"(\w+)"', said)
            line = tree.kustomizations[0].line(*([quoted[1]] if quoted else []))
        rule = "LH108" if _TWICE_SAID in said else "LH101"
        return Build(unit, key, problems=[Problem(rule, said, file, line)])
    cache.put(key, [[resource.value, resource.text] for resource in resources])
    return Build(unit, key, resources)


def _kustomize(program: Path, folder: Path, tree: Tree, *, offline: bool) -> str:
    from harness.machine.proxy.certificates import with_certificates

    environment = with_certificates(os.environ) | git_environment(
        (remote for remote, _, _ in tree.remotes), offline=offline
    )
    try:
        done = subprocess.run(
            [program, "build", str(folder)],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(f"kustomize did not finish {folder.name} in {_TIMEOUT_SECONDS} s.") from None
    if done.returncode != 0:
        raise HarnessError(f"kustomize cannot build {folder.name}: {explain(done.stderr, folder)}.")
    return done.stdout


def explain(stderr: str, folder: Path) -> str:
    """The part of kustomize's nested error that says what is wrong, with paths below the overlay's parent.

    >>> explain("Error: accumulating resources: accumulation err='x': no 'git' program on path", Path("/o"))
    "no 'git' program on path"
    >>> explain("Error: may not add resource with an already registered id: Role.v1.rbac/a.b': must build", Path())
    'Role a.b is in it twice'
    """
    text = " ".join(line for line in stderr.splitlines() if line.strip() and not line.startswith("# Warning"))
    text = re.sub(r"^Error: ", "", text)
    text = re.sub(r"^(?:accumulating (?:resources|components): )+", "", text)
    text = re.sub(r"^accumulation err='[^']*': ", "", text)
    if found := re.search(rf"{_TWICE}: (\w+)[^/]*/([^\s':]+)", text):
        return f"{found[1]} {found[2].removesuffix('.[noNs]')} {_TWICE_SAID}"
    return text.replace(f"{folder.parent}/", "").strip().rstrip(".") or "it said nothing"


def _parse(output: str) -> list[Rendered]:
    cache = Cache("documents")
    resources: list[Rendered] = []
    for text in split(output):
        value = None
        key = content_key(text, _FORMAT) if len(text) > _BIG_DOCUMENT else None
        if key:
            value = cache.get(key)
        if value is None:
            documents = load(text)
            value = documents[0] if documents else None
            if key and value is not None:
                cache.put(key, value)
        if isinstance(value, dict):
            resources.append(Rendered(value, text))
    return resources
