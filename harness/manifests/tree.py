"""Everything that a kustomization is made of, found without building it.

The walk follows resources, components, patches, generators and the other file references of each
kustomization.yaml. It gives the cache its key, findings their file and line, and it tells what is broken (a missing
file, a cycle, invalid YAML …) with its place, which kustomize's own messages often do not.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.kubernetes_yaml import Document, Step, YamlError, parse
from harness.manifests.problem import Problem
from harness.manifests.upstream import Remote, is_remote, parse_remote

KUSTOMIZATION_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAX_BYTES: Final = 2_000_000
"""No manifest written by hand comes near this; etcd takes 1.5 MB for one object."""

_LISTS_OF_BASES: Final = ("resources", "bases", "components")
_LISTS_OF_FILES: Final = ("crds", "configurations", "patchesStrategicMerge")
_LISTS_WITH_PATH: Final = ("patches", "patchesJson6902", "replacements")
_LISTS_OF_FILES_OR_INLINE: Final = ("generators", "transformers", "validators")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")
_LISTS: Final = (
    *_LISTS_OF_BASES,
    *_LISTS_OF_FILES,
    *_LISTS_OF_FILES_OR_INLINE,
    *_LISTS_WITH_PATH,
    *_GENERATORS,
)


@dataclass(frozen=True)
class Kustomization:
    """One kustomization.yaml that was read.

    Attributes:
        file: The file.
        document: Its content with positions.
    """

    file: Path
    document: Document

    @property
    def fields(self) -> dict[str, Any]:
        """The kustomization's fields."""
        return self.document.value if isinstance(self.document.value, dict) else {}

    def line(self, *path: Step) -> int:
        """1-based line of a field."""
        return self.document.locate(path)[0]


@dataclass
class Tree:
    """What a kustomization reads.

    Attributes:
        root: Its folder.
        kustomizations: The kustomization files, the root's first.
        files: Content of each file that was read, kustomizations included.
        manifests: The files among them that hold resources or patches.
        remotes: The pinned upstream bases, each with the file and line that names it.
        problems: What keeps it from being built.
    """

    root: Path
    kustomizations: list[Kustomization] = field(default_factory=list)
    files: dict[Path, bytes] = field(default_factory=dict)
    manifests: list[Path] = field(default_factory=list)
    remotes: list[tuple[Remote, Path, int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def syntax_problems(self) -> list[Problem]:
        """The manifests that are not YAML; not part of the walk, since what was built before need not be parsed."""
        problems = []
        for path in self.manifests:
            try:
                parse(self.files[path].decode("utf-8"))
            except YamlError as error:
                problems.append(Problem("LH104", f"{path.name} is not valid YAML: {error}.", path, error.line))
        return problems

    def key(self, *more: str) -> str:
        """A content key over all that the build reads, and over `more`."""
        parts: list[str | bytes] = [*more]
        for path in sorted(self.files):
            parts += [os.path.relpath(path, self.root), self.files[path]]
        parts += sorted(remote.url for remote, _, _ in self.remotes)
        return content_key(*parts)


def kustomization_file(folder: Path) -> Path | None:
    """The kustomization file of a folder, or None."""
    for name in KUSTOMIZATION_NAMES:
        if (folder / name).is_file():
            return folder / name
    return None


def walk(folder: Path) -> Tree:
    """Reads a kustomization and everything it refers to; what is wrong is in the tree's problems."""
    tree = Tree(folder)
    if kustomization_file(folder) is None:
        tree.problems.append(Problem("LH103", f"{folder.name} has no kustomization.yaml.", folder))
    else:
        _walk(folder, tree, ())
    return tree


def read_text(path: Path, named_at: tuple[Path, int | None] | None = None) -> tuple[str, bytes] | Problem:
    """Reads a manifest: text and bytes, or why it cannot be one."""
    place, line = named_at or (path, None)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return Problem(
                "LH106", f"{path.name} has {size:,} bytes, more than the {MAX_BYTES:,} of any manifest.", path
            )
        data = path.read_bytes()
    except FileNotFoundError:
        return Problem("LH103", f"{path.name} does not exist, but it is named here.", place, line)
    except OSError as error:
        return Problem("LH103", f"{path.name} cannot be read ({error.strerror}).", place, line)
    try:
        return data.decode("utf-8"), data
    except UnicodeDecodeError as error:
        bad_line = data.count(b"\n", 0, error.start) + 1
        return Problem("LH105", f"{path.name} is not UTF-8 at byte {error.start}.", path, bad_line)


def _walk(folder: Path, tree: Tree, above: tuple[Path, ...]) -> None:
    file = kustomization_file(folder)
    assert file is not None  # noqa: S101 - the callers look first
    if any(kustomization.file == file for kustomization in tree.kustomizations):
        return
    content = read_text(file)
    if isinstance(content, Problem):
        tree.problems.append(content)
        return
    text, data = content
    tree.files[file] = data
    try:
        documents = parse(text)
    except YamlError as error:
        tree.problems.append(Problem("LH104", f"{file.name} is not valid YAML: {error}.", file, error.line))
        return
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        tree.problems.append(Problem("LH101", f"{file.name} is not one kustomization.", file, 1))
        return
    kustomization = Kustomization(file, documents[0])
    tree.kustomizations.append(kustomization)
    for path, line, what in _references(kustomization, tree):
        _follow(path, line, what, kustomization, tree, (*above, folder))


def _references(kustomization: Kustomization, tree: Tree) -> Iterator[tuple[str, int, str]]:
    """Each (reference, line, what it must be: base, manifest, data)."""
    for name in _LISTS:
        value = kustomization.fields.get(name)
        if value is not None and not isinstance(value, list):
            message = f"{kustomization.file.name} has '{name}' that is not a list."
            tree.problems.append(Problem("LH101", message, kustomization.file, kustomization.line(name)))
    for reference, where, what in references(kustomization.fields):
        yield reference, kustomization.line(*where), what


def references(fields: dict[str, Any]) -> Iterator[tuple[str, tuple[Step, ...], str]]:
    """Everything that a kustomization's fields refer to.

    Yields:
        (reference, path of the field, what it must be: base, manifest or data).
    """

    def items(name: str) -> Iterator[tuple[tuple[Step, ...], Any]]:
        value = fields.get(name)
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield (name, index), item

    for name in _LISTS_OF_BASES:
        for where, item in items(name):
            yield str(item), where, "base"
    for name in _LISTS_OF_FILES:
        for where, item in items(name):
            if isinstance(item, str) and "\n" not in item:
                yield item, where, "manifest"
    for name in _LISTS_OF_FILES_OR_INLINE:
        for where, item in items(name):
            if isinstance(item, str) and "\n" not in item:
                yield item, where, "base"
    for name in _LISTS_WITH_PATH:
        for where, item in items(name):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield item["path"], where, "manifest"
    for name in _GENERATORS:
        for where, item in items(name):
            if isinstance(item, dict):
                for source in item.get("files") or []:
                    yield str(source).partition("=")[2] or str(source), where, "data"
                for source in [*(item.get("envs") or []), *([item["env"]] if "env" in item else [])]:
                    yield str(source), where, "data"
    openapi = fields.get("openapi")
    if isinstance(openapi, dict) and isinstance(openapi.get("path"), str):
        yield openapi["path"], ("openapi", "path"), "data"


def _follow(
    reference: str, line: int, what: str, kustomization: Kustomization, tree: Tree, above: tuple[Path, ...]
) -> None:
    file = kustomization.file
    if is_remote(reference):
        try:
            tree.remotes.append((parse_remote(reference), file, line))
        except ValueError as error:
            tree.problems.append(Problem("LH107", f"{reference}: {error}.", file, line))
        return
    path = Path(os.path.normpath(file.parent / reference))
    if what == "base" and path.is_dir():
        if path in above:
            ring = " → ".join(folder.name for folder in (*above[above.index(path) :], path))
            tree.problems.append(Problem("LH102", f"The kustomizations include each other: {ring}.", file, line))
        elif kustomization_file(path) is None:
            message = f"{reference} is a folder without a kustomization.yaml, but it is named here."
            tree.problems.append(Problem("LH103", message, file, line))
        else:
            _walk(path, tree, above)
        return
    if path in tree.files:
        return
    content = read_text(path, (file, line)) if what != "data" else _read_data(path, file, line)
    if isinstance(content, Problem):
        tree.problems.append(content)
        return
    _, tree.files[path] = content
    if what != "data":
        tree.manifests.append(path)


def _read_data(path: Path, file: Path, line: int) -> tuple[str, bytes] | Problem:
    """Files of generators may hold anything, but not more than a ConfigMap takes."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return Problem(
                "LH106", f"{path.name} has {size:,} bytes, more than the {MAX_BYTES:,} of any manifest.", path
            )
        return "", path.read_bytes()
    except FileNotFoundError:
        return Problem("LH103", f"{path.name} does not exist, but it is named here.", file, line)
    except OSError as error:
        return Problem("LH103", f"{path.name} cannot be read ({error.strerror}).", file, line)
