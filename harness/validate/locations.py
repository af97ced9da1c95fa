"""Locates the file and line of a built resource or field."""

import posixpath
import re
from collections import defaultdict
from functools import cached_property
from typing import Any

from harness.manifests.build import Build, Root
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import Document, Step, YamlError, parse
from harness.manifests.problem import Location
from harness.manifests.tree import UnreadableError
from harness.manifests.values import dig, mappings, sequence
from harness.validate.model import BuiltResource


class RootLocations:
    """The locations in one root, read on demand."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def locate(self, kind: str, name: str, path: tuple[Step, ...] = ()) -> Location:
        """The file and line of a field of a resource.

        Of the documents with the resource's kind and name (its manifest, and patches of it), the one that has most
        of the path; the later one, nearer to the overlay, of two that have as much. What no file here holds comes
        from a generator, else from an upstream base: then the line that names that.
        """
        patched = self._patch(kind, name, path)
        if patched:
            return patched
        best: tuple[int, Location] | None = None
        for file, document in self._documents.get((kind, name), []) or self._documents.get(
            (kind, HASH.sub("", name)), []
        ):
            line, depth = document.locate(path)
            if best is None or depth >= best[0]:
                best = (depth, Location(file, line))
        if best:
            return best[1]
        return self._generator(kind, HASH.sub("", name), path) or self._root.remote_location

    @cached_property
    def _documents(self) -> dict[tuple[str, str], list[tuple[str, Document]]]:
        documents_of: dict[tuple[str, str], list[tuple[str, Document]]] = defaultdict(list)
        for file in self._root.inputs.manifests:
            try:
                documents = parse(self._root.tree.text(file))
            except (YamlError, UnreadableError):
                continue
            for document in documents:
                kind, name = dig(document.value, "kind"), dig(document.value, "metadata", "name")
                if isinstance(kind, str) and isinstance(name, str):
                    documents_of[kind, name].append((file, document))
        return documents_of

    def _patch(self, kind: str, name: str, path: tuple[Step, ...]) -> Location | None:
        """The JSON patch of a kustomization that changes the path or a field below it."""
        if not path:
            return None
        for kustomization in reversed(self._root.kustomizations):
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
                        return kustomization.location("patches", index)
        return None

    def _generator(self, kind: str, name: str, path: tuple[Step, ...]) -> Location | None:
        generator = {"ConfigMap": "configMapGenerator", "Secret": "secretGenerator"}.get(kind)
        if generator is None:
            return None
        for kustomization in reversed(self._root.kustomizations):
            for index, item in enumerate(mappings(kustomization.fields.get(generator))):
                if item.get("name") != name:
                    continue
                if len(path) > 1 and path[0] == "data":
                    data = self._data_file(posixpath.dirname(kustomization.file), item, str(path[1]))
                    if data:
                        return Location(data, 1)
                return kustomization.location(generator, index)
        return None

    def _data_file(self, folder: str, item: dict[str, Any], key: str) -> str | None:
        for source in sequence(item.get("files")):
            name, _, file = str(source).rpartition("=")
            path = posixpath.normpath(posixpath.join(folder, file))
            if (name or posixpath.basename(path)) == key and path in self._root.inputs.files:
                return path
        return None


class Locations:
    def __init__(self) -> None:
        self._roots: dict[str, RootLocations] = {}

    def of(self, build: Build) -> RootLocations:
        return self._roots.setdefault(build.folder, RootLocations(build.root))

    def locate(
        self, resource: BuiltResource, path: tuple[Step, ...] = (), text_line: int | None = None
    ) -> Location:
        """The file and line of a field of a resource; for one inside a ConfigMap, of the key that holds it.

        With `text_line`, the line of the text that the field holds: in a file of its own, or in a block.
        """
        if resource.parent is not None:
            return self.locate(resource.parent, resource.inside[:-1])
        location = self.of(resource.build).locate(resource.kind, resource.name, path)
        return self._inside(resource, location, text_line) if text_line else location

    def _inside(self, resource: BuiltResource, location: Location, text_line: int) -> Location:
        root = resource.build.root
        if location.file not in (*root.inputs.manifests, *root.inputs.kustomizations):
            return Location(location.file, text_line)
        line = root.tree.text(location.file).splitlines()[(location.line or 1) - 1]
        is_block = re.search(r":\s*\|[-+0-9]*\s*(?:#.*)?$", line)
        return Location(location.file, (location.line or 1) + text_line) if is_block else location
