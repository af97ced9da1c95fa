"""Parts of kustomizations that change nothing, or more than they should: kustomize takes them without a word."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from harness.manifests.build import Build, Kustomization, Root
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.manifests.patches import patches_of, selects
from harness.manifests.problem import Location
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.upstream import identities
from harness.manifests.values import dig, mapping, mappings, sequence, string_map
from harness.validate.finding import Finding
from harness.validate.kustomize.replacements import replacements_of
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH110: Final = ValidationRule(
    "LH110",
    "Every part of a kustomization changes something",
    "kustomize says nothing, and what it was to change stays as it is.",
)

LH111: Final = ValidationRule(
    "LH111",
    "A kustomization's labels and namespace reach only what they are for",
    "A selector is immutable, and a resource is missing where its manifest puts it.",
)

_SELECTING: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
"""Kinds whose selector cannot be changed."""
_CLUSTERS_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_GENERATORS: Final = ("configMapGenerator", "secretGenerator", "generators", "helmCharts")
_SELECTOR_FIELDS: Final = ("group", "version", "namespace", "labelSelector", "annotationSelector")
_NAMESPACE: Final = re.compile(r"namespace[\"']?[ \t]*:[ \t]*[\"']?([^\s\"',}]*)")
_CONTENT: Final = re.compile(r"^[ \t]*(?!(?:---|\.\.\.)[ \t]*(?:#|$))[^\s#]", re.MULTILINE)
"""The start of a line that is no comment and separates no documents."""
_REQUIREMENT: Final = re.compile(
    r"\s*(?:(?P<absent>!)?\s*(?P<key>[\w./-]+)|(?P<name>[\w./-]+)\s*(?P<sign>==|=|!=)\s*(?P<text>[\w.-]*)"
    r"|(?P<of>[\w./-]+)\s+(?P<in>in|notin)\s*\((?P<values>[^)]*)\))\s*"
)


@dataclass(frozen=True)
class Part:
    """A part of a kustomization that may be without effect.

    Attributes:
        what: What it is, and what it names.
        has_effect: Whether it changes something in a root.
    """

    what: str
    location: Location
    has_effect: Callable[["Scope"], bool]


@dataclass
class Scope:
    """What the parts of a root's kustomizations may change."""

    build: Build

    @property
    def values(self) -> Iterator[dict[str, Any]]:
        """The resources as they are built, and as they are written: patches see what is between the two."""
        yield from (resource.value for resource in self.build.resources)
        yield from (value for _, value in self.written)

    @cached_property
    def written(self) -> list[tuple[str, dict[str, Any]]]:
        """The manifests that are no patches, each with its file."""
        root = self.build.root
        patched = {
            patch.file
            for kustomization in root.kustomizations
            for patch in patches_of(root.tree, kustomization)
            if patch.file != kustomization.file
        }
        written: list[tuple[str, dict[str, Any]]] = []
        for file in root.inputs.manifests:
            if file not in patched:
                try:
                    written += [(file, mapping(document.value)) for document in parse(root.tree.text(file))]
                except (YamlError, UnreadableError):
                    continue
        return written

    def contains(self, text: str) -> bool:
        """Whether a resource of which something is run, or which is handed on, has a text."""
        resources = (item for item in self.build.resources if item.kind != "CustomResourceDefinition")
        return any(text in resource.text for resource in resources)

    @cached_property
    def _built_namespaces(self) -> set[str]:
        return {"default", *(resource.namespace for resource in self.build.resources)}

    @cached_property
    def _written_namespaces(self) -> set[str]:
        return {str(dig(value, "metadata", "namespace") or "") for _, value in self.written}

    def _is_in(self, namespace: str) -> bool:
        """Whether a namespace is among those of its resources, as they are built or written."""
        return any(selects(namespace, one) for one in self._built_namespaces) or any(
            selects(namespace, one) for one in self._written_namespaces
        )

    @property
    def is_known(self) -> bool:
        """Whether all of it is seen before the build changes it."""
        inputs = self.build.root.inputs
        are_known = all((base := remote.parsed()) and identities(base) is not None for remote in inputs.remotes)
        return are_known and not self.build.problems and not inputs.charts and not self.empty

    @cached_property
    def empty(self) -> list[str]:
        """The manifests that hold nothing: something else fills them before a build that counts."""
        root = self.build.root
        return [file for file in root.inputs.manifests if _is_empty(root, file)]

    def selects(self, selector: dict[str, Any], rejected: Iterable[dict[str, Any]] = ()) -> bool:
        return any(
            self._fits(selector, value) and not any(self._fits(one, value) for one in rejected)
            for value in self.values
        ) or self._may_select_elsewhere(selector)

    def _may_select_elsewhere(self, selector: dict[str, Any]) -> bool:
        """Whether it is for a resource of a remote base, which a patch may have removed, or that is not known."""
        bases = [remote.parsed() for remote in self.build.root.inputs.remotes]
        if bases and (selector.get("labelSelector") or selector.get("annotationSelector")):
            return True
        for base in bases:
            for whole in (False, True):
                known = identities(base, whole=whole) if base else None
                if known is None or any(
                    self._fits(selector, {"apiVersion": version, "kind": kind, "metadata": {"name": name}})
                    for version, kind, name in known
                ):
                    return True
        return False

    def _fits(self, selector: dict[str, Any], value: dict[str, Any]) -> bool:
        group, _, version = str(value.get("apiVersion") or "").rpartition("/")
        name = str(dig(value, "metadata", "name") or "")
        facts = {"group": [group], "version": [version], "kind": [str(value.get("kind"))]}
        facts |= {"name": [name, HASH.sub("", name)]}
        return (
            all(any(selects(selector.get(field), text) for text in texts) for field, texts in facts.items())
            and all(
                _holds(str(selector.get(field) or ""), string_map(dig(value, "metadata", where)))
                for field, where in (("labelSelector", "labels"), ("annotationSelector", "annotations"))
            )
            and (not selector.get("namespace") or self._is_in(selector["namespace"]))
        )


def not_judged(environments: list[Environment]) -> list[str]:
    """What parts of kustomizations change is not known where a manifest is empty."""
    return [
        f"{file} is empty, so whether all parts of {build.root.inputs.kustomization} change something "
        f"({LH110.id}) was not judged."
        for environment in environments
        for build in environment.builds
        for file in Scope(build).empty
        if not build.problems
    ]


def findings(environments: list[Environment], *, complete: bool) -> Iterator[Finding]:
    """Finds parts without effect in every root that reads them.

    Unless all environments are looked at, one that others may share is not judged.
    """
    scopes: dict[str, list[tuple[str, Scope]]] = {}
    kustomizations: dict[str, tuple[Build, Kustomization]] = {}
    own: set[str] = set()
    for environment in environments:
        for build in environment.builds:
            scope = Scope(build)
            own.add(build.root.inputs.kustomization)
            for kustomization in build.root.kustomizations:
                scopes.setdefault(kustomization.file, []).append((environment.name, scope))
                kustomizations[kustomization.file] = build, kustomization
    root = environments[0].root if environments else None
    for file, (build, kustomization) in kustomizations.items():
        if root is None or not (complete or file in own):
            continue
        if repeated := kustomization.document.repeated_key():
            key, first, second = repeated
            names = tuple(dict.fromkeys(name for name, _ in scopes[file]))
            message = f"{file} has the key '{key}' twice, in lines {first} and {second}: only the last one counts."
            yield Finding(LH110.id, message, names, file=root / file, line=second)
        if not all(scope.is_known for _, scope in scopes[file]):
            continue
        for part in _parts(build, kustomization):
            if not any(part.has_effect(scope) for _, scope in scopes[file]):
                names = tuple(dict.fromkeys(name for name, _ in scopes[file]))
                message = f"{part.what}, so it changes nothing."
                yield Finding(LH110.id, message, names, file=root / part.location.file, line=part.location.line)


def reach(environment: Environment) -> Iterator[Finding]:
    """Finds labels that get into selectors, and namespaces that move what belongs to another one."""
    used = _CLUSTERS_NAMESPACES | environment.namespaces.keys()
    for build in environment.builds:
        for kustomization in build.root.kustomizations:
            is_whole = kustomization.file == build.root.inputs.kustomization
            if is_whole or kustomization.fields.get("kind") == "Component":
                yield from _selectors(environment, build, kustomization)
        yield from _moved(environment, build, used)


def _selectors(environment: Environment, build: Build, kustomization: Kustomization) -> Iterator[Finding]:
    fields = kustomization.fields
    labels: list[tuple[tuple[str | int, ...], dict[str, str]]] = [
        (("commonLabels",), string_map(fields.get("commonLabels")))
    ]
    labels += [
        (("labels", index), string_map(item.get("pairs")))
        for index, item in enumerate(mappings(fields.get("labels")))
        if item.get("includeSelectors")
    ]
    folder = posixpath.dirname(kustomization.file)
    workloads = [item for item in build.of_kind(*_SELECTING) if posixpath.dirname(item.origin) != folder]
    for where, pairs in labels:
        for key, text in pairs.items():
            changed = [
                item for item in workloads if dig(item.value, "spec", "selector", "matchLabels", key) == text
            ]
            if changed:
                more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
                message = (
                    f"'{where[0]}' adds {key} to the selector of {changed[0]}{more}, which is immutable: "
                    "use 'labels' without includeSelectors."
                )
                yield _finding(LH111, message, environment, kustomization.location(*where))


def _moved(environment: Environment, build: Build, used: frozenset[str]) -> Iterator[Finding]:
    set_ = {str(one.fields.get("namespace")) for one in build.root.kustomizations if one.fields.get("namespace")}
    if not set_ or not _may_be_elsewhere(build.root, set_):
        return
    there = {(item.kind, item.name, item.namespace) for item in build.resources}
    written: dict[tuple[str, str], set[str]] = {}
    for _, value in Scope(build).written:
        if isinstance(namespace := dig(value, "metadata", "namespace"), str):
            identity = str(value.get("kind")), str(dig(value, "metadata", "name"))
            written.setdefault(identity, set()).add(namespace)
    for moved in build.resources:
        before = written.get((moved.kind, moved.name), set())
        if len(before) != 1 or not moved.namespace or not before <= used:
            continue
        (namespace,) = before
        if (moved.kind, moved.name, namespace) in there:
            continue
        for kustomization in build.root.kustomizations:
            if kustomization.fields.get("namespace") == moved.namespace:
                message = f"'namespace' moves {moved}, whose manifest says {namespace}, which is in use as well."
                yield _finding(LH111, message, environment, kustomization.location("namespace"))
                break


def _may_be_elsewhere(root: Root, namespaces: set[str]) -> bool:
    """Whether a manifest may name another namespace; parsing them all takes time."""
    for file in root.inputs.manifests:
        try:
            named = _NAMESPACE.findall(root.tree.text(file))
        except UnreadableError:
            continue
        if not namespaces.issuperset(named):
            return True
    return False


def _finding(rule: ValidationRule, message: str, environment: Environment, location: Location) -> Finding:
    return Finding(rule.id, message, (environment.name,), file=environment.root / location.file, line=location.line)


def _parts(build: Build, kustomization: Kustomization) -> Iterator[Part]:
    fields = kustomization.fields
    for name in ("patches", "patchesJson6902"):
        for index, item in enumerate(sequence(fields.get(name))):
            if isinstance(target := mapping(item).get("target"), dict):
                what = f"No resource matches the patch for {_described(target)}"
                yield Part(what, kustomization.location(name, index, "target"), _selecting(target))
    for index, item in enumerate(sequence(fields.get("images"))):
        image = mapping(item)
        tag, digest = (
            f"{sign}{image[field]}" if image.get(field) else ""
            for sign, field in ((":", "newTag"), ("@", "digest"))
        )
        reference = f"{image.get('newName') or image.get('name')}{tag}{digest}"
        what = f"'images' changes {image.get('name')}, which nothing runs"
        # A component may list the images of parts that are switched off here.
        optional = str(image.get("name")) if fields.get("kind") == "Component" else ""
        yield Part(what, kustomization.location("images", index), _running(reference, optional))
    for replacement, locate in replacements_of(build, kustomization):
        for index, target in enumerate(mappings(replacement.get("targets"))):
            selector = mapping(target.get("select"))
            what = f"No resource matches the replacement for {_described(selector)}"
            yield Part(what, locate("targets", index), _selecting(selector, mappings(target.get("reject"))))
    if fields.get("generatorOptions") and not any(fields.get(name) for name in _GENERATORS):
        what = "'generatorOptions' is for the generators of its own kustomization, which has none"
        yield Part(what, kustomization.location("generatorOptions"), lambda _: False)


@lru_cache(maxsize=100)
def _names_image(tree: Tree, name: str) -> bool:
    """Whether a container of any manifest in a tree has an image."""
    container = re.compile(rf"\bimage: *[\"']?{re.escape(name)}(?![\w./-])")
    for path in tree.paths():
        if path.endswith((".yaml", ".yml")):
            try:
                text = tree.text(path)
            except (UnreadableError, KeyError):
                continue
            if name in text and container.search(text):
                return True
    return False


def _is_empty(root: Root, file: str) -> bool:
    try:
        return not _CONTENT.search(root.tree.text(file))
    except UnreadableError:
        return False


def _selecting(selector: dict[str, Any], rejected: Iterable[dict[str, Any]] = ()) -> Callable[[Scope], bool]:
    return lambda scope: scope.selects(selector, rejected)


def _running(reference: str, optional: str) -> Callable[[Scope], bool]:
    return lambda scope: (
        scope.contains(reference) or (bool(optional) and _names_image(scope.build.root.tree, optional))
    )


def _described(selector: dict[str, Any]) -> str:
    """A selector in words, as it is written."""
    name = " ".join(str(selector[field]) for field in ("kind", "name") if selector.get(field))
    rest = [f"{field} {selector[field]}" for field in _SELECTOR_FIELDS if selector.get(field)]
    return " with ".join(part for part in (name or "a resource", ", ".join(rest)) if part)


def _holds(selector: str, labels: dict[str, str]) -> bool:
    """Whether labels meet a selector in one line; kustomize itself refuses what is none."""
    for text in re.split(r",(?![^(]*\))", selector) if selector else ():
        match = _REQUIREMENT.fullmatch(text)
        if match is None:
            return True
        if key := match["key"]:
            holds = (key in labels) != bool(match["absent"])
        elif name := match["name"]:
            holds = (labels.get(name) == match["text"]) == (match["sign"] != "!=")
        else:
            values = {value.strip() for value in match["values"].split(",")}
            holds = (labels.get(match["of"]) in values) == (match["in"] == "in")
        if not holds:
            return False
    return True
