"""A Helm release: a chart, and the values and options that it is rendered with."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from harness.manifests.helm.chart import CHART, chart
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import Tree, UnreadableError

Layer = dict[str, Any]
"""Values of tools/builder (type values): of a file, inline, or of an option of Helm's command line."""
_DATA: Final = ("setFile",)


@dataclass
class Release:
    """A release as tools/builder takes it (type helmRelease), and what it reads.

    Attributes:
        folder: The chart's; empty where it is not in this repository.
        remote: The chart where it is not in this repository.
        layers: Its values; a later layer wins.
        options: Other fields of the request.
        after_build: What is changed in the rendered resources, as tools/builder takes it.
        notes: Why it is not rendered, as sentences about it.
    """

    name: str
    namespace: str
    folder: str = ""
    remote: RemoteChart | None = None
    layers: list[Layer] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    after_build: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    manifests: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)

    def add_file(self, tree: Tree, path: str, named_at: Location, *, optional: bool = False, **layer: str) -> None:
        """Adds a layer from a file of the tree."""
        try:
            resolved, links = tree.follow(path)
        except UnreadableError as error:
            self.problems.append(error.problem(named_at))
            return
        if not tree.is_file(resolved):
            if not optional:
                message = f"{resolved} does not exist, but {self.name} takes values from it."
                self.problems.append(Problem("LH103", message, named_at))
            return
        self.files.add(resolved)
        self.links |= set(links)
        if not layer.keys() & set(_DATA):
            self.manifests.append(resolved)
        self.layers.append({"file": resolved, **layer})

    def add_inside(self, name: str, *, optional: bool = False, **layer: str) -> None:
        """Adds a layer from a file of a chart of elsewhere."""
        self.layers.append({"inside": name.lstrip("/"), "optional": optional, **layer})

    def request(self, tree: Tree) -> dict[str, Any]:
        """What tools/builder is asked for; the chart's files are among those that are read from now on.

        `needs` are charts of elsewhere; without them, the values are compared over those in `defaults`.
        """
        asked = {"name": self.name, "namespace": self.namespace, "values": self.layers, **self.options}
        if self.remote:
            return asked | {"needs": [self.remote], "label": str(self.remote)}
        found = chart(tree, self.folder)
        if CHART not in found.files and not found.problems:
            message = f"{self.folder} has no {CHART}, but {self.name} deploys it as a Helm chart."
            found.problems.append(Problem("LH103", message, Location(self.folder)))
        self.problems += found.problems
        self.links |= found.links
        defaults = found.files.get("values.yaml")
        if defaults and defaults not in self.manifests:
            self.files.add(defaults)
            self.manifests.append(defaults)
        for files in (found.files, *found.dependencies.values()):
            self.files |= set(files.values())
        asked |= {"folder": self.folder, "files": found.files, "dependencies": found.dependencies}
        return asked | {"needs": found.missing, "defaults": defaults} if found.missing else asked

    @property
    def description(self) -> str:
        """The file that describes the chart, or what stands for it."""
        return str(self.remote) if self.remote else posixpath.join(self.folder, CHART)


def is_url(name: str) -> bool:
    return bool(urlsplit(name).scheme)


def escaped(value: str) -> str:
    r"""A value for `--set`, in which a comma would begin the next one.

    >>> escaped("a,b"), escaped(r"a\,b"), escaped("{a,b}")
    ('a\\,b', 'a\\,b', '{a,b}')
    """
    if value.startswith("{") and value.endswith("}"):
        return value
    parts = value.split(",")
    return "".join(
        part + ("" if index == len(parts) - 1 else "," if part.endswith("\\") else r"\,")
        for index, part in enumerate(parts)
    )


def text_list(values: Any) -> list[str]:
    return [str(item) for item in values] if isinstance(values, Iterable) and not isinstance(values, str) else []
