"""kustomize's replacements: the field that each reads, and the fields that it sets, even in a ConfigMap's text."""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.manifests.build import Build, Kustomization
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import Document, FieldPath, YamlError, load, parse, untagged
from harness.manifests.patches import selects, steps_of
from harness.manifests.problem import Location
from harness.manifests.resource import Resource
from harness.manifests.tree import UnreadableError
from harness.manifests.values import dig, mapping, mappings, sequence, strings

_TRANSFORMER: Final = "ReplacementTransformer"
_STEP: Final = re.compile(r"\[(?:name=)?([^\]]*)\]|((?:[^.\\\[]|\\.)+)")


@dataclass(frozen=True)
class Replaced:
    """A field that a replacement sets.

    Attributes:
        source: The kind and name of the resource that the value comes from, and its field.
        target: Selects the resources that it sets, by kind and name.
        path: The field, in which `*` stands for any step.
    """

    source: tuple[str, str, FieldPath]
    target: dict[str, Any]
    path: tuple[str, ...]

    def is_for(self, resource: Resource) -> bool:
        names = (resource.name, HASH.sub("", resource.name))
        return selects(self.target.get("kind"), resource.kind) and any(
            selects(self.target.get("name"), name) for name in names
        )

    def covers(self, resource: Resource, path: FieldPath) -> bool:
        """Whether it sets a field of a resource; beyond the key of a ConfigMap, one of the YAML there."""
        steps = steps_of(resource.value, path)
        if resource.kind == "ConfigMap" and len(path) > 2:
            document = _document(resource, path[:2])
            steps = [*steps[:2], *steps_of(document and document.value, path[2:])]
        return len(self.path) <= len(steps) and all(
            one == "*" or one in names for one, names in zip(self.path, steps, strict=False)
        )

    def is_at(self, resource: Resource, path: FieldPath, line: int) -> bool:
        """Whether it sets what a line of the YAML in a ConfigMap's key holds."""
        inner = self.path[len(path) :]
        if not inner or self.path[: len(path)] != path:
            return False
        document = _document(resource, path)
        if document is None or document.node.start_mark.line == document.node.end_mark.line:
            return False
        return document.locate(inner) == (line, len(inner))


def _document(config: Resource, path: FieldPath) -> Document | None:
    """The YAML in a key of a ConfigMap."""
    try:
        return next(iter(parse(untagged(str(dig(config.value, *path))))), None)
    except YamlError:
        return None


def replaced(build: Build) -> Iterator[Replaced]:
    """The fields that the replacements of a root set."""
    for replacement in all_replacements(build):
        source = mapping(replacement.get("source"))
        path = _steps(str(source.get("fieldPath") or "metadata.name"))
        read = (str(source.get("kind")), str(source.get("name")), path)
        for target in mappings(replacement.get("targets")):
            for text in strings(target.get("fieldPaths")):
                yield Replaced(read, mapping(target.get("select")), _steps(text))


def _steps(path: str) -> tuple[str, ...]:
    r"""The steps of a field as kustomize writes it.

    >>> _steps(r"data.a\.yaml.spec.containers.[name=web].image")
    ('data', 'a.yaml', 'spec', 'containers', 'web', 'image')
    """
    return tuple(re.sub(r"\\(.)", r"\1", name or step) for name, step in _STEP.findall(path))


def keys_read(build: Build) -> dict[str, set[str]]:
    """The keys that replacements read, by the ConfigMap's name."""
    keys: dict[str, set[str]] = {}
    for replacement in all_replacements(build):
        source = mapping(replacement.get("source"))
        path = _steps(str(source.get("fieldPath") or ""))
        if source.get("kind") == "ConfigMap" and path[:1] == ("data",) and len(path) > 1:
            keys.setdefault(str(source.get("name")), set()).add(path[1])
    return keys


def all_replacements(build: Build) -> Iterator[dict[str, Any]]:
    """Those of the kustomizations of a root, and of its transformers."""
    for kustomization in build.root.kustomizations:
        yield from (replacement for replacement, _ in replacements_of(build, kustomization))
    for file in sorted(build.root.inputs.files):
        try:
            text = build.root.tree.text(file)
            documents = load(text) if _TRANSFORMER in text else []
        except (YamlError, UnreadableError, KeyError):
            continue
        for document in documents:
            if dig(document, "kind") == _TRANSFORMER:
                yield from mappings(dig(document, "replacements"))


def replacements_of(
    build: Build, kustomization: Kustomization
) -> Iterator[tuple[dict[str, Any], Callable[..., Location]]]:
    """The replacements of a kustomization, each with what locates a field of it."""
    for index, item in enumerate(sequence(kustomization.fields.get("replacements"))):
        path = mapping(item).get("path")
        if path is None:
            yield mapping(item), lambda *field, index=index: kustomization.location("replacements", index, *field)
        elif isinstance(path, str):
            yield from _in_file(build, kustomization, path)


def _in_file(
    build: Build, kustomization: Kustomization, path: str
) -> Iterator[tuple[dict[str, Any], Callable[..., Location]]]:
    tree = build.root.tree
    try:
        file = tree.resolve(posixpath.join(posixpath.dirname(kustomization.file), path))
        documents = parse(tree.text(file))
    except (YamlError, UnreadableError, KeyError):
        return
    for document in documents:
        listed = isinstance(document.value, list)
        for index, item in enumerate(document.value if listed else [document.value]):
            start = (index,) if listed else ()
            yield (
                mapping(item),
                lambda *field, start=start, document=document: Location(file, document.locate((*start, *field))[0]),
            )
