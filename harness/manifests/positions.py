"""YAML with positions: which line of a file a value comes from.

Values are read as Kubernetes reads them: dates stay strings, and a lone `=` is a string.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

Step = str | int
"""One step into a document: a key of a mapping, or an index of a sequence."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]  # the C loader is chosen at run time
    """PyYAML's safe loader without its YAML 1.1 dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _BASE.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


class YamlError(ValueError):
    """Text that is not YAML.

    Attributes:
        line: 1-based line of the mistake, where the parser knows it.
    """

    def __init__(self, message: str, line: int | None) -> None:
        """Takes what the parser said and where."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """One document of a YAML file.

    Attributes:
        value: The parsed document.
        node: PyYAML's node tree of it, which holds the positions.
    """

    value: Any
    node: Any

    @property
    def line(self) -> int:
        """1-based first line."""
        return int(self.node.start_mark.line) + 1

    def locate(self, path: tuple[Step, ...]) -> tuple[int, int]:
        """Finds the line of a path, or of the deepest part of it that the document has.

        A string step into a sequence selects the item with that `name`.

        Returns:
            (1-based line, how many steps of the path exist here).
        """
        node, line = self.node, self.line
        for depth, step in enumerate(path):
            found = _child(node, step)
            if found is None:
                return line, depth
            line, node = found
        return line, len(path)


def _child(node: Any, step: Step) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            if index == step or (isinstance(step, str) and _name_of(item) == step):
                return item.start_mark.line + 1, item
    return None


def _name_of(node: Any) -> str | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "name" and isinstance(value, yaml.ScalarNode):
                return str(value.value)
    return None


@lru_cache(maxsize=1_000)
def parse(text: str) -> tuple[Document, ...]:
    """Parses every document of a YAML text; empty documents are left out.

    Environments share most of their files, so what was parsed is kept; nobody changes a document.

    Raises:
        YamlError: The text is not YAML.
    """
    try:
        loader = _Loader(text)
        try:
            documents = []
            while loader.check_node():
                node = loader.get_node()
                value = loader.construct_document(node)
                if value is not None:
                    documents.append(Document(value, node))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What is never closed is missed behind the last line.
        line = min(mark.line + 1, max(1, len(text.splitlines()))) if mark else None
        raise YamlError(error.problem or "not YAML", line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(" ".join(str(error).split()) or "not YAML", None) from error
    return tuple(documents)


def load(text: str) -> list[Any]:
    """Parses every document of a YAML text, without positions.

    Raises:
        YamlError: The text is not YAML.
    """
    try:
        return [value for value in yaml.load_all(text, Loader=_Loader) if value is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(" ".join(str(error).split()) or "not YAML", None) from error


_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)


def split(text: str) -> list[str]:
    """Splits a stream that kustomize wrote into its documents' texts."""
    return [part for part in _SEPARATOR.split(text) if part.strip()]
