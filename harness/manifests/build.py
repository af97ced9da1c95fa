"""What became of a root: its resources, as kustomize wrote them and as values."""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from harness.manifests.inputs import Inputs, document_of
from harness.manifests.kubernetes_yaml import Document, Step, load
from harness.manifests.problem import Location, Problem
from harness.manifests.resource import Resource
from harness.manifests.tree import Tree
from harness.manifests.values import mapping

HELM_VALUES: Final = "HelmValues"
"""The kind that stands for a chart that is not rendered, in a build."""


@dataclass(frozen=True)
class Root:
    """A folder that is built by itself.

    Attributes:
        name: Its folder below the environment's, or the environment's name for the overlay as a whole.
        in_whole: Whether the environment's own kustomization includes it.
    """

    name: str
    tree: Tree
    inputs: Inputs
    in_whole: bool = True

    @cached_property
    def kustomizations(self) -> list["Kustomization"]:
        files = self.inputs.kustomizations
        return [Kustomization(file, document) for file in files if (document := document_of(self.tree, file))]

    @property
    def remote_location(self) -> Location:
        """Where its first remote base is named; its kustomization if it has none."""
        if self.inputs.remotes:
            return self.inputs.remotes[0].location(self.tree)
        return Location(self.inputs.kustomization, 1)


@dataclass(frozen=True)
class Kustomization:
    """A kustomization with positions."""

    file: str
    document: Document

    @property
    def fields(self) -> dict[str, Any]:
        return mapping(self.document.value)

    def location(self, *field: Step) -> Location:
        return Location(self.file, self.document.locate(field)[0])


@dataclass
class Answer:
    """What a builder's process said of one root: a line of JSON, and the bytes that it describes.

    Attributes:
        payload: YAML and JSON of each resource, one after the other; or a chart's archive.
    """

    line: bytes
    payload: bytes = b""

    @cached_property
    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = json.loads(self.line)
        return header

    @cached_property
    def size(self) -> int:
        resources = sum(item["yaml"] + item["json"] for item in self.header["resources"])
        return int(resources + self.header.get("chart", {}).get("size", 0))

    def encoded(self) -> bytes:
        return self.line + self.payload

    @classmethod
    def decoded(cls, content: bytes) -> "Answer":
        """Raises ValueError if the answer is not whole."""
        line, newline, payload = content.partition(b"\n")
        answer = cls(line + newline, payload)
        if answer.size != len(payload):
            raise ValueError("not a whole answer")
        return answer

    def manifests(self, folder: str) -> Iterator[Resource]:
        start = 0
        for item in self.header["resources"]:
            middle, end = start + item["yaml"], start + item["yaml"] + item["json"]
            origin = posixpath.normpath(posixpath.join(folder, item["origin"])) if item["origin"] else ""
            yield Resource(
                self.payload[start:middle].decode(),
                self.payload[middle:end],
                item["kind"],
                origin,
                hashed=item["hashed"],
            )
            start = end


@dataclass(eq=False)
class Build:
    """The result of building a root.

    Attributes:
        key: Content key of all that it is made of.
        problems: Why it could not be built, or not all of it.
        answer: The resources as they came; None when it could not be built.
        plain: The resources of a folder of plain manifests, of which those without a problem are there.
        unfetched: Whether it could not be built because a remote base is not at hand.
        as_written: Whether `plain` is what a kustomization consists of, which could not be built.
    """

    root: Root
    key: str
    problems: list[Problem] = field(default_factory=list)
    answer: Answer | None = field(default=None, repr=False)
    plain: list[Resource] | None = field(default=None, repr=False)
    unfetched: bool = False
    as_written: bool = False

    @property
    def folder(self) -> str:
        return self.root.inputs.folder

    @cached_property
    def resources(self) -> list[Resource]:
        """The resources, in kustomize's order; empty when it could not be built."""
        if self.plain is not None:
            return self.plain
        return list(self.answer.manifests(self.folder)) if self.answer else []

    def of_kind(self, *kinds: str) -> list[Resource]:
        if self.answer and not any(item["kind"] in kinds for item in self.answer.header["resources"]):
            return []
        return [item for item in self.resources if item.kind in kinds]


def plain_manifests(text: str, origin: str = "") -> list[Resource]:
    """The resources in a manifest that no kustomization names; what is no mapping counts as a `Document`.

    Raises:
        YamlError: It is not YAML.
    """
    values = [item if isinstance(item, dict) else {"kind": "Document", "value": item} for item in load(text)]
    return [Resource.of(value, text if len(values) == 1 else "", origin=origin) for value in values]
