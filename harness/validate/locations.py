"""Locates the file and line of a built resource or field."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from harness.manifests.build import Build, Kustomization
from harness.manifests.generated_names import HASH
from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import Document, FieldPath, Step, YamlError, parse, untagged
from harness.manifests.patches import Patch, patches_of, steps_of
from harness.manifests.problem import Location
from harness.manifests.resource import Resource
from harness.manifests.tree import UnreadableError
from harness.manifests.values import dig, dig_named, mapping, mappings, strings
from harness.validate.kustomize.replacements import Replaced, replaced
from harness.validate.model import BuiltResource

_SPACE_AND_QUOTES: Final = re.compile(r"[\s'\"]")


class RootLocations:
    """The locations in one root, read on demand.

    Attributes:
        sources: The locations so far of values that replacements take from there.
    """

    def __init__(self, build: Build) -> None:
        self.sources: set[Location] = set()
        self._build = build
        self._root = build.root

    def locate(self, resource: Resource, path: FieldPath = ()) -> Location:
        """The file and line of a field of a resource.

        It is what a replacement takes the value from, or the patch or other field of a kustomization that sets it.
        Otherwise, it is the document with the resource's kind and name (its manifest, or a patch of it) that has
        most of the path; of two that have as much, the later one, nearer to the overlay. What no file here holds
        comes from a generator, else from an upstream base: then it is the line that names that.
        """
        path = _named(resource.value, path)
        return self.source(resource, path) or self._written(resource, path)

    def _written(self, resource: Resource, path: FieldPath) -> Location:
        kind, name = resource.kind, HASH.sub("", resource.name)
        if path and (setter := self._setter(resource, path)):
            return setter
        best: tuple[int, Location] | None = None
        named = self._documents.get((kind, resource.name)) or self._documents.get((kind, name), [])
        here = [item for item in named if _namespace(item[1]) in ("", resource.namespace)]
        # A kustomization may have moved it to another namespace.
        for file, document in here or named:
            line, depth = document.locate(path)
            if best is None or depth >= best[0]:
                best = (depth, Location(file, line))
        if best and best[0] == len(path):
            return best[1]
        generated = self._generator(kind, name, path)
        return generated or (best[1] if best else self._renamed(resource, path) or self._root.remote_location)

    def _renamed(self, resource: Resource, path: FieldPath) -> Location | None:
        """Where the one resource of its kind is in the file that it comes from: its name there has a variable."""
        same = [
            Location(file, document.locate(path)[0])
            for (kind, _), documents in self._documents.items()
            for file, document in documents
            if (kind, file) == (resource.kind, resource.origin)
        ]
        return same[0] if len(same) == 1 else None

    def source(self, resource: Resource, path: FieldPath, line: int | None = None) -> Location | None:
        """Where a replacement takes a field from; with `line`, what that line of the text in the field holds."""
        for one in self._replaced:
            if one.is_for(resource) and (one.is_at(resource, path, line) if line else one.covers(resource, path)):
                kind, name, field = one.source
                built = [item for item in self._build.of_kind(kind) if name in (item.name, HASH.sub("", item.name))]
                # What a build leaves out can be a source as well.
                read = built[0] if built else Resource.of({"kind": kind, "metadata": {"name": name}})
                location = self._written(read, field)
                self.sources.add(location)
                return location
        return None

    @cached_property
    def _replaced(self) -> list[Replaced]:
        return list(replaced(self._build))

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

    @cached_property
    def _patches(self) -> list[tuple[Kustomization, list[Patch]]]:
        """The kustomizations, and the patches of each, the last one to be applied first: components after bases."""
        own = self._root.inputs.kustomization
        applied = sorted(
            self._root.kustomizations,
            key=lambda one: one.file != own and one.fields.get("kind") != "Component",
        )
        return [(one, list(patches_of(self._root.tree, one))[::-1]) for one in applied]

    def _setter(self, resource: Resource, path: FieldPath) -> Location | None:
        """What sets a path in a kustomization: its patches, and after them its other fields."""
        steps = steps_of(resource.value, path)
        names = {resource.name, HASH.sub("", resource.name)}
        for kustomization, patches in self._patches:
            if resource.namespace and kustomization.fields.get("namespace") not in (None, resource.namespace):
                continue  # it moves all that it reads to another namespace
            if (entry := _setting(kustomization.fields, resource, path)) is not None:
                return kustomization.location(*entry)
            for patch in patches:
                is_manifest = patch.target is None and patch.file != kustomization.file
                is_for_it = not is_manifest and any(
                    patch.is_for(resource.kind, name, resource.namespace) for name in names
                )
                if is_for_it and (location := patch.setting(path, steps)):
                    return location
        return None

    def _generator(self, kind: str, name: str, path: FieldPath) -> Location | None:
        """The generator of a resource, or what it takes a key from."""
        field = {"ConfigMap": "configMapGenerator", "Secret": "secretGenerator"}.get(kind, "")
        generators = [
            (kustomization, index, item)
            for kustomization in self._root.kustomizations
            for index, item in enumerate(mappings(kustomization.fields.get(field)))
            if item.get("name") == name
        ]
        if len(path) > 1 and path[0] in ("data", "binaryData"):
            for kustomization, index, item in generators:
                if location := self._key(kustomization, (field, index), item, str(path[1])):
                    return location
        return next((kustomization.location(field, index) for kustomization, index, _ in generators), None)

    def _key(
        self, kustomization: Kustomization, where: FieldPath, generator: dict[str, Any], key: str
    ) -> Location | None:
        folder = posixpath.dirname(kustomization.file)
        for index, literal in enumerate(strings(generator.get("literals"))):
            if literal.partition("=")[0] == key:
                return kustomization.location(*where, "literals", index)
        for source in strings(generator.get("files")):
            name, _, file = source.rpartition("=")
            path = posixpath.normpath(posixpath.join(folder, file))
            if (name or posixpath.basename(path)) == key and path in self._root.inputs.files:
                return Location(path, 1)
        for file in [*strings(generator.get("envs")), *strings([generator.get("env")])]:
            path = posixpath.normpath(posixpath.join(folder, file))
            for number, line in self._lines(path):
                if line.lstrip("\ufeff \t").partition("=")[0] == key:
                    return Location(path, number)
        return None

    def _lines(self, path: str) -> Iterator[tuple[int, str]]:
        if path in self._root.inputs.files:
            try:
                yield from enumerate(self._root.tree.text(path).splitlines(), 1)
            except UnreadableError:
                return


def _namespace(document: Document) -> str:
    return str(dig(document.value, "metadata", "namespace") or "")


def _named(value: Any, path: FieldPath) -> FieldPath:
    """A path with the names of items, where they are unique, instead of indexes, which patches do not share."""
    named: list[Step] = []
    for step in path:
        names = [dig(item, "name") for item in value] if isinstance(value, list) else []
        index = names.index(step) if step in names else step
        name = dig(value, index, "name") if isinstance(index, int) else None
        named.append(name if isinstance(name, str) and names.count(name) == 1 else step)
        value = dig(value, index)
    return tuple(named)


def _setting(fields: dict[str, Any], resource: Resource, path: FieldPath) -> FieldPath | None:
    """The entry of a kustomization that sets a path of a resource."""
    if path[-1] == "image":
        image = reference(str(dig_named(resource.value, path)))
        for index, item in enumerate(mappings(fields.get("images"))):
            if image.repository == str(item.get("newName") or item.get("name")):
                return "images", index
    if path == ("spec", "replicas"):
        for index, item in enumerate(mappings(fields.get("replicas"))):
            if (item.get("name"), item.get("count")) == (resource.name, dig(resource.value, *path)):
                return "replicas", index
    if path == ("metadata", "namespace") and fields.get("namespace") == resource.namespace:
        return ("namespace",)
    if path[-2:-1] in (("labels",), ("matchLabels",), ("annotations",)):
        common = "commonAnnotations" if path[-2] == "annotations" else "commonLabels"
        if path[-1] in mapping(fields.get(common)):
            return common, path[-1]
        for index, item in enumerate(mappings(fields.get("labels"))):
            if path[-2] == "labels" and path[-1] in mapping(item.get("pairs")):
                return "labels", index, "pairs", path[-1]
    return None


class Locations:
    def __init__(self) -> None:
        self._roots: dict[str, RootLocations] = {}

    def of(self, build: Build) -> RootLocations:
        return self._roots.setdefault(build.folder, RootLocations(build))

    def is_source(self, location: Location) -> bool:
        """Whether several fields may have their value from there."""
        return any(location in root.sources for root in self._roots.values())

    def locate(self, resource: BuiltResource, path: FieldPath = (), text_line: int | None = None) -> Location:
        """The file and line of a field of a resource; for one inside a ConfigMap, those of the text there.

        With `text_line`, the line of the text that the field holds: in a file of its own, or in a block.
        """
        if resource.parent is not None:
            return self._embedded(resource, resource.parent, path, text_line)
        root = self.of(resource.build)
        if text_line and (source := root.source(resource, path, text_line)):
            return source
        location = root.locate(resource, path)
        return self._inside(resource, path, location, text_line) if text_line else location

    def _embedded(
        self, resource: BuiltResource, parent: BuiltResource, path: FieldPath, text_line: int | None
    ) -> Location:
        *holder, index = resource.inside
        own = path[len(resource.inside) :] if path[: len(resource.inside)] == resource.inside else path
        if index == 0 and (source := self.of(parent.build).source(parent, (*holder, *own))):
            return source
        text = str(dig(parent.value, *holder))
        documents = parse(untagged(text))
        line = documents[int(index)].locate(_named(resource.value, own))[0] if int(index) < len(documents) else 1
        return self.locate(parent, tuple(holder), _line_within(text, line, text_line))

    def _inside(self, resource: BuiltResource, path: FieldPath, location: Location, text_line: int) -> Location:
        root = resource.build.root
        if location.file not in (*root.inputs.manifests, *root.inputs.kustomizations):
            if location.line != 1:
                return location
            built = str(dig(resource.value, *path))
            try:
                return Location(location.file, _same_line(root.tree.text(location.file), built, text_line))
            except UnreadableError:  # its bytes are kept as they are
                return Location(location.file, text_line)
        return Location(location.file, _line_within(root.tree.text(location.file), location.line or 1, text_line))


def _same_line(source: str, built: str, line: int) -> int:
    """The line of a file that became a line of a text, which kustomize may have written without blank lines."""
    before = [_SPACE_AND_QUOTES.sub("", one) for one in built.splitlines()[:line]]
    wanted = before[-1] if before else ""
    after = enumerate(source.splitlines(), 1)
    same = [number for number, one in after if _SPACE_AND_QUOTES.sub("", one) == wanted]
    nth = before.count(wanted)
    return same[nth - 1] if wanted and nth <= len(same) else line


def _line_within(text: str, line: int, text_line: int | None) -> int:
    """The line of a field that starts at a line, and holds a text of which a line is asked for."""
    is_block = text_line and re.search(r"(?::|^\s*-|- -)\s+\|[-+0-9]*\s*(?:#.*)?$", text.splitlines()[line - 1])
    return line + text_line if text_line and is_block else line
