"""The images of an environment: those that its built overlay names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.clusters.images.recipes import Recipe, recipe
from harness.errors import HarnessError
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.images import images_in, reference
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.resource import Resource
from harness.paths import ROOT

_REFERENCE: Final = re.compile(r"[a-z0-9][a-z0-9.:_/-]*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")
_SETTING: Final = re.compile(r"(?:\w+_)?IMAGE")
"""A variable whose value is an image by its name."""
_DEFINITION: Final = "CustomResourceDefinition"


@dataclass(frozen=True)
class Wanted:
    """An image by its name and tag in an environment, and who names it, as sorted `namespace/Kind/name`."""

    name: str
    users: tuple[str, ...]
    root: Path = ROOT

    @property
    def repository(self) -> str:
        return reference(self.name).repository

    @property
    def recipe(self) -> Recipe | None:
        """How it is built; None for one with a digest, which its registry alone has."""
        return None if reference(self.name).digest else recipe(self.repository, self.root)

    @property
    def own(self) -> bool:
        how = recipe(self.repository, self.root)
        return how is not None and how.own


def wanted(environment: str, root: Path = ROOT) -> list[Wanted]:
    builds = build_all(roots(root, environment))
    for build in builds:
        for problem in build.problems:
            raise HarnessError(
                f"The images of {environment} are not known, because {build.root.name} cannot be built "
                f"({problem.message.rstrip('.')}): 'harness render {environment}' tells more."
            )
    return collect((resource for build in builds for resource in build.resources), root)


def collect(resources: Iterable[Resource], root: Path = ROOT) -> list[Wanted]:
    users: dict[str, set[str]] = {}
    for resource in resources:
        for image in _images(resource.value):
            place = "/".join(filter(None, (resource.namespace, resource.kind, resource.name)))
            users.setdefault(image, set()).add(place)
    return [Wanted(image, tuple(sorted(places)), root) for image, places in sorted(users.items())]


def _images(resource: dict[str, Any]) -> Iterator[str]:
    if resource.get("kind") == _DEFINITION:
        return
    yield from filter(_REFERENCE.fullmatch, images_in(resource))
    yield from _in_variables(resource)
    if resource.get("kind") == "ConfigMap":
        yield from _in_data(resource.get("data") or {})


def _in_variables(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        name, text = value.get("name"), value.get("value")
        if isinstance(name, str) and isinstance(text, str) and _SETTING.fullmatch(name):
            yield from filter(_REFERENCE.fullmatch, [text])
        for item in value.values():
            yield from _in_variables(item)
    elif isinstance(value, list):
        for item in value:
            yield from _in_variables(item)


def _in_data(data: dict[str, Any]) -> Iterator[str]:
    """Images in a ConfigMap: settings, and templates that a program reads as a file."""
    for key, text in data.items():
        if not isinstance(text, str):
            continue
        if _SETTING.fullmatch(key):
            yield from filter(_REFERENCE.fullmatch, [text])
        elif key.endswith((".yaml", ".yml")) and "image:" in text:
            try:
                documents = load(text)
            except YamlError:
                continue
            yield from filter(_REFERENCE.fullmatch, images_in(documents))
