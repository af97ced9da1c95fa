"""The patches of a kustomization, wherever they are written, and the lines of what they set."""

import posixpath
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.manifests.build import Kustomization
from harness.manifests.kubernetes_yaml import Document, Step, YamlError, parse
from harness.manifests.problem import Location
from harness.manifests.regular_expressions import readable
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import dig, mapping, pointer_steps, sequence

_LISTS: Final = ("patches", "patchesStrategicMerge", "patchesJson6902")
_SETTING: Final = frozenset({"add", "replace", "copy", "move"})

Steps = Sequence[Collection[str]]
"""A path, each step by every name that a patch may give it."""


@dataclass(frozen=True)
class Patch:
    """One document of a patch: a strategic merge patch, or a list of operations.

    Attributes:
        field: Where the kustomization names it.
        target: What it is for; None where the document says so itself.
        file: The file that holds its text.
        line: The line above the text, or the line of the text where it has no lines of its own.
        has_lines: Whether each line of the text is one of the file.
    """

    field: tuple[Step, ...]
    target: dict[str, Any] | None
    document: Document
    file: str
    line: int
    has_lines: bool

    def location(self, *path: Step) -> Location:
        line = self.document.locate(path)[0]
        return Location(self.file, self.line + line if self.has_lines else self.line)

    def is_for(self, kind: str, name: str, namespace: str = "") -> bool:
        """Whether it changes such a resource; one of any namespace where none is given."""
        if namespace and self.target is not None and not selects(self.target.get("namespace"), namespace):
            return False
        if self.target is None:
            return (kind, name) == (dig(self.document.value, "kind"), dig(self.document.value, "metadata", "name"))
        wanted = (self.target.get("kind"), self.target.get("name"))
        return all(selects(pattern, text) for pattern, text in zip(wanted, (kind, name), strict=True))

    def setting(self, path: tuple[Step, ...], steps: Steps) -> Location | None:
        """Where it sets a path, or removes it or what is below it; `steps` are the path's names for operations."""
        if isinstance(self.document.value, dict):
            depth = self.document.locate(path)[1]
            return self.location(*path) if depth == len(path) else None
        for index, operation, names in self.operations():
            removes = operation.get("op") == "remove" and len(names) >= len(steps)
            sets = operation.get("op") in _SETTING and len(names) <= len(steps)
            if (removes or sets) and all(name in known for name, known in zip(names, steps, strict=False)):
                return self.location(
                    index, *(("value", *path[len(names) :]) if "value" in operation else ("path",))
                )
        return None

    def operations(self) -> Iterator[tuple[int, dict[str, Any], list[str]]]:
        """The operations of a JSON patch, each with the steps of its path."""
        for index, operation in enumerate(sequence(self.document.value)):
            if isinstance(operation, dict):
                yield index, operation, pointer_steps(str(operation.get("path")))


def patches_of(tree: Tree, kustomization: Kustomization) -> Iterator[Patch]:
    """The patches of a kustomization, in the order in which they are applied; none of those that cannot be read."""
    for name in _LISTS:
        for index, item in enumerate(sequence(kustomization.fields.get(name))):
            entry = mapping(item)
            target = entry["target"] if isinstance(entry.get("target"), dict) else None
            inline = item if isinstance(item, str) and "\n" in item else entry.get("patch")
            if isinstance(inline, str):
                path: tuple[Step, ...] = (name, index, "patch") if entry else (name, index)
                block = kustomization.document.block(path)
                line = block or kustomization.location(*path).line or 1
                yield from _documents(
                    inline, (name, index), target, kustomization.file, line, has_lines=block is not None
                )
            elif isinstance(named := item if isinstance(item, str) else entry.get("path"), str):
                try:
                    file = tree.resolve(posixpath.join(posixpath.dirname(kustomization.file), named))
                    text = tree.text(file)
                except (UnreadableError, KeyError):
                    continue
                yield from _documents(text, (name, index), target, file, 0, has_lines=True)


def _documents(
    text: str, field: tuple[Step, ...], target: dict[str, Any] | None, file: str, line: int, *, has_lines: bool
) -> Iterator[Patch]:
    try:
        documents = parse(text)
    except YamlError:
        return
    for document in documents:
        yield Patch(field, target, document, file, line, has_lines)


def steps_of(value: Any, path: Sequence[Step]) -> list[set[str]]:
    """The names that operations may give the steps of a path into a value: an item's index besides its name."""
    steps: list[set[str]] = []
    for step in path:
        names = {str(step)}
        if isinstance(value, list):
            index = next((at for at, item in enumerate(value) if step in (at, dig(item, "name"))), -1)
            names |= {str(index), "-"} if index == len(value) - 1 else {str(index)}
            value = dig(value, index)
        else:
            value = dig(value, step)
        steps.append(names)
    return steps


def selects(pattern: Any, text: str) -> bool:
    """Whether a selector's pattern, which is anchored, is for a text.

    So it is taken to be where it cannot be read here: it is in Go's syntax, kustomize itself refuses it, or trying
    it, unlike in Go, may have no end.
    """
    if pattern in (None, ""):
        return True
    known = readable(str(pattern), len(text))
    return known is None or known.fullmatch(text) is not None
