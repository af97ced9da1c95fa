"""Finds the line of the source that a rendered resource, or one field of it, comes from."""

import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.manifests.build import Build
from harness.manifests.kubernetes_yaml import Document, Step, YamlError, parse
from harness.manifests.tree import Tree
from harness.manifests.values import dig, mappings, sequence
from harness.validate.model import BuiltResource

HASH: Final = re.compile(r"-[bcdfghkmt2456789]{10}$")
"""What kustomize appends to the names of generated ConfigMaps: hexadecimal digits in an alphabet of its own."""


class Sources:
    """The sources of one unit, read when the first finding asks for them."""

    def __init__(self, tree: Tree) -> None:
        """Takes what the unit reads."""
        self._tree = tree

    def locate(self, kind: str, name: str, path: tuple[Step, ...] = ()) -> tuple[Path, int]:
        """The file and line of a field of a resource.

        Of the documents with the resource's kind and name (its manifest, and patches of it), the one that has most
        of the path; the later one, nearer to the overlay, of two that have as much. What no file here holds comes
        from a generator, else from an upstream base: then the line that names that.
        """
        patched = self._patch(kind, name, path)
        if patched:
            return patched
        best: tuple[int, Path, int] | None = None
        for file, document in self._documents.get((kind, name), []) or self._documents.get(
            (kind, HASH.sub("", name)), []
        ):
            line, depth = document.locate(path)
            if best is None or depth >= best[0]:
                best = (depth, file, line)
        if best:
            return best[1], best[2]
        return self._generator(kind, HASH.sub("", name), path) or self._upstream()

    @cached_property
    def _documents(self) -> dict[tuple[str, str], list[tuple[Path, Document]]]:
        found: dict[tuple[str, str], list[tuple[Path, Document]]] = defaultdict(list)
        for file in self._tree.manifests:
            try:
                documents = parse(self._tree.files[file].decode("utf-8"))
            except (YamlError, UnicodeDecodeError):
                continue
            for document in documents:
                kind, name = dig(document.value, "kind"), dig(document.value, "metadata", "name")
                if isinstance(kind, str) and isinstance(name, str):
                    found[kind, name].append((file, document))
        return found

    def _patch(self, kind: str, name: str, path: tuple[Step, ...]) -> tuple[Path, int] | None:
        """The JSON patch of a kustomization that changes the path, or something below it."""
        if not path:
            return None
        for kustomization in reversed(self._tree.kustomizations):
            for index, item in enumerate(mappings(kustomization.fields.get("patches"))):
                target, text = item.get("target"), item.get("patch")
                if not isinstance(text, str) or dig(target, "kind") not in (kind, None):
                    continue
                if not re.fullmatch(str(dig(target, "name") or ".*"), name):
                    continue
                try:
                    operations = [operation for document in parse(text) for operation in mappings(document.value)]
                except YamlError:
                    continue
                for operation in operations:
                    steps = str(operation.get("path")).strip("/").split("/")
                    if steps[: len(path)] == list(map(str, path)):
                        return kustomization.file, kustomization.line("patches", index)
        return None

    def _generator(self, kind: str, name: str, path: tuple[Step, ...]) -> tuple[Path, int] | None:
        generator = {"ConfigMap": "configMapGenerator", "Secret": "secretGenerator"}.get(kind)
        if generator is None:
            return None
        for kustomization in reversed(self._tree.kustomizations):
            for index, item in enumerate(mappings(kustomization.fields.get(generator))):
                if item.get("name") != name:
                    continue
                if len(path) > 1 and path[0] == "data":
                    data = self._data_file(kustomization.file.parent, item, str(path[1]))
                    if data:
                        return data, 1
                return kustomization.file, kustomization.line(generator, index)
        return None

    def _data_file(self, folder: Path, item: dict[str, Any], key: str) -> Path | None:
        for source in sequence(item.get("files")):
            name, _, file = str(source).rpartition("=")
            path = Path(folder / file).resolve()
            if (name or path.name) == key and path in {known.resolve() for known in self._tree.files}:
                return path
        return None

    def _upstream(self) -> tuple[Path, int]:
        if self._tree.remotes:
            _, file, line = self._tree.remotes[0]
            return file, line
        return self._tree.kustomizations[0].file, 1


class SourceMap:
    """The sources of all units."""

    def __init__(self) -> None:
        """Starts with nothing read."""
        self._units: dict[Path, Sources] = {}

    def sources(self, build: Build) -> Sources:
        """The sources of a unit."""
        return self._units.setdefault(build.unit.folder, Sources(build.unit.tree))

    def locate(self, resource: BuiltResource, path: tuple[Step, ...] = ()) -> tuple[Path, int]:
        """The file and line of a field of a resource; for one inside a ConfigMap, of the key that holds it."""
        if resource.parent is not None:
            return self.locate(resource.parent, resource.inside)
        return self.sources(resource.build).locate(resource.kind, resource.name, path)
