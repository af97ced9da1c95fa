"""Which environments there are, and of which kustomizations each one consists."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.render.positions import YamlError, parse
from harness.render.tree import kustomization_file

OVERLAYS: Final = "overlays"
_AGGREGATE_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})


@dataclass(frozen=True)
class Unit:
    """One kustomization that is built by itself.

    Attributes:
        name: Its folder below the environment's, or the environment's name for the overlay as a whole.
        folder: Where its kustomization.yaml is.
        in_whole: Whether the environment's own kustomization includes it.
    """

    name: str
    folder: Path
    in_whole: bool = True


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
    known = environments(root)
    if environment not in known:
        there = f"overlays/ has {', '.join(known)}" if known else f"{root} has no overlays/"
        raise HarnessError(f"There is no environment {environment!r}: {there}.", exit_code=2)
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
    whole = _expand(folder, ())
    found = [Unit(_name(folder, part), part) for part in whole]
    included = {part.resolve() for part in whole}
    for path in sorted(folder.iterdir()):
        if (
            path.is_dir()
            and kustomization_file(path)
            and not _is_component(path)
            and path.resolve() not in included
        ):
            found.append(Unit(path.name, path, in_whole=False))
    return found


def _name(folder: Path, part: Path) -> str:
    if part == folder:
        return folder.name
    return part.relative_to(folder).as_posix() if part.is_relative_to(folder) else part.name


def _expand(folder: Path, above: tuple[Path, ...]) -> list[Path]:
    parts = _aggregated(folder)
    if parts is None or folder in above:
        return [folder]
    found: list[Path] = []
    for part in parts:
        found += [path for path in _expand(part, (*above, folder)) if path not in found]
    return found


def _aggregated(folder: Path) -> list[Path] | None:
    """The folders that a kustomization lists, if that is all it does."""
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
    parts = [(folder / item).resolve() if ".." in item else folder / item for item in resources]
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
