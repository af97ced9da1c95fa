"""Which environments there are, and of which kustomizations each one consists."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import unknown
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.manifests.tree import KUSTOMIZATION_NAMES, Tree, kustomization_file, walk

OVERLAYS: Final = "overlays"
TEST_OVERLAYS: Final = {"e2e": "tests/e2e/overlay"}
"""Environments of the tests and their folders: had by name, and in no list of environments."""
_AGGREGATE_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})


@dataclass(frozen=True)
class Unit:
    """One kustomization that is built by itself.

    Attributes:
        name: Its folder below the environment's, or the environment's name for the overlay as a whole.
        tree: What it reads.
        in_whole: Whether the environment's own kustomization includes it.
    """

    name: str
    tree: Tree
    in_whole: bool = True

    @property
    def folder(self) -> Path:
        """Where its kustomization.yaml is."""
        return self.tree.root


def environments(root: Path) -> list[str]:
    """The names of the environments: the folders below overlays/, sorted."""
    folder = root / OVERLAYS
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def overlay(root: Path, environment: str) -> Path:
    """The folder of an environment's overlay.

    Raises:
        HarnessError: There is no such environment.
    """
    test_overlay = root / TEST_OVERLAYS.get(environment, OVERLAYS)
    if environment in TEST_OVERLAYS and test_overlay.is_dir():
        return test_overlay
    known = environments(root)
    if environment not in known:
        raise unknown("environment", environment, known)
    return root / OVERLAYS / environment


def units(root: Path, environment: str) -> list[Unit]:
    """The kustomizations of an environment.

    An overlay that only lists folders is the sum of them, so they are built one by one (at the same time, and again
    only when changed). An overlay that does more is one unit. Folders with a kustomization.yaml that the overlay
    leaves out (an Argo CD Application may still point to them) are units of their own.

    Raises:
        HarnessError: There is no such environment.
    """
    folder = overlay(root, environment)
    found = [Unit(_name(folder, part), walk(part)) for part in _expand(folder, ())]
    included = {path.parent.resolve() for unit in found for path in _kustomizations(unit)} | {folder.resolve()}
    others = {path.parent for name in KUSTOMIZATION_NAMES for path in folder.rglob(name)}
    for path in sorted(others, key=lambda path: (len(path.parts), path)):
        # One that only lists folders adds nothing of its own; its parts are units.
        if path.resolve() in included or _is_component(path) or _aggregated(path) is not None:
            continue
        unit = Unit(_name(folder, path), walk(path), in_whole=False)
        included |= {path.parent.resolve() for path in _kustomizations(unit)}
        found.append(unit)
    return found


def aggregates(root: Path, environment: str) -> list[Path]:
    """The kustomizations of an environment that only list folders: for people, and for building it whole."""
    folder = overlay(root, environment)
    files = sorted(path for name in KUSTOMIZATION_NAMES for path in folder.rglob(name))
    return [path for path in files if _aggregated(path.parent) is not None]


def _kustomizations(unit: Unit) -> list[Path]:
    return [kustomization.file for kustomization in unit.tree.kustomizations] or [
        unit.folder / KUSTOMIZATION_NAMES[0]
    ]


def _name(folder: Path, part: Path) -> str:
    return folder.name if part == folder else part.relative_to(folder).as_posix()


def _expand(folder: Path, above: tuple[Path, ...]) -> list[Path]:
    parts = _aggregated(folder)
    if parts is None or folder in above:
        return [folder]
    found: list[Path] = []
    for part in parts:
        found += [path for path in _expand(part, (*above, folder)) if path not in found]
    return found


def _aggregated(folder: Path) -> list[Path] | None:
    """The folders below its own that a kustomization lists, if that is all it does."""
    fields = _fields(folder)
    if (
        fields is None
        or not set(fields) <= _AGGREGATE_FIELDS
        or fields.get("kind", "Kustomization") != "Kustomization"
    ):
        return None
    resources = fields.get("resources")
    if not isinstance(resources, list) or not resources or not all(isinstance(item, str) for item in resources):
        return None
    if any(".." in item or Path(item).is_absolute() for item in resources):
        return None
    parts = [folder / item for item in resources]
    return parts if all(part.is_dir() and kustomization_file(part) for part in parts) else None


def _is_component(folder: Path) -> bool:
    return (_fields(folder) or {}).get("kind") == "Component"


def _fields(folder: Path) -> dict[str, object] | None:
    file = kustomization_file(folder)
    if file is None:
        return None
    try:
        documents = parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YamlError):
        return None
    return documents[0].value if len(documents) == 1 and isinstance(documents[0].value, dict) else None
