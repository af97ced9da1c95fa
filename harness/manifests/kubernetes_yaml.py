"""YAML as Kubernetes reads it, with the line that each value comes from.

kubectl, the API server and Argo CD read manifests with sigs.k8s.io/yaml: YAML 1.1 with Go's numbers, without base
60 and dates, and with text as keys. Unlike there, a tag of another application (`!Ref`) is refused.
"""

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer, ComposerError

Step = str | int
"""One step into a document: a key of a mapping, or an index of a sequence."""
FieldPath = tuple[Step, ...]

_PLAIN: Final = "plain"
"""The tag of scalars that are neither quoted nor tagged: what they are is seen from their text."""
_CORE: Final = "tag:yaml.org,2002:"
_STRING: Final = f"{_CORE}str"
_COLLECTIONS: Final = frozenset(f"{_CORE}{name}" for name in ("map", "seq", "set", "omap", "pairs"))
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    f"{_CORE}null": (type(None),),
    f"{_CORE}bool": (bool,),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (float, int),
}
_TEXTS: Final = frozenset(f"{_CORE}{name}" for name in ("str", "timestamp", "value", "merge"))
_WORDS: Final[dict[str, Any]] = {
    **{form: True for word in ("yes", "true", "on") for form in (word, word.title(), word.upper())},
    **{form: False for word in ("no", "false", "off") for form in (word, word.title(), word.upper())},
    **{"y": True, "Y": True, "n": False, "N": False},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{sign + form: math.inf for sign in ("", "+") for form in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(0[0-7]+)|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS: Final = 100
_DEEPEST: Final = 128
"""Levels of nesting; the schemas of the largest definitions have half of them."""
_MOST_VALUES: Final = 1_000_000
"""Values that a document with aliases may stand for."""
_MOST_LETTERS: Final = 10_000_000
"""Letters of the texts among them; without aliases, a file that may be read has no more."""
_MOST_KEYS: Final = 10_000
"""Keys of one mapping: kustomize's time grows with the square of that."""
_SCALAR_TAG: Final = re.compile(r"(?<![^\s\[{,])!!(?:bool|float|int|null)[ \t]+(?=\S)")
_ANCHOR_AGAIN: Final = "second occurrence"
_ALIASES: Final = re.compile(r"\*[\w-]")
_INDENT: Final = re.compile(r"^ *(?=[^\s#-])", re.MULTILINE)
_INDENTED: Final = re.compile(rf"^[ -]{{{_DEEPEST},}}", re.MULTILINE)
_SMALLEST, _LARGEST, _LARGEST_SIGNED = -(2**63), 2**64 - 1, 2**63 - 1


class TextError(ValueError):
    """Text that is not what it should be; the message does not repeat it, because it may hold a secret.

    Attributes:
        line: 1-based line of the mistake, where the parser knows it.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class YamlError(TextError):
    """Text that is not YAML."""


@dataclass(frozen=True)
class Document:
    """One document of a YAML file.

    Attributes:
        node: PyYAML's node tree of it, which holds the positions.
    """

    value: Any
    node: Any

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def locate(self, path: tuple[Step, ...]) -> tuple[int, int]:
        """Finds the line of a path, or of the deepest part of it that the document has.

        A string step into a sequence selects the item with that `name`.

        Returns:
            (1-based line, how many steps of the path exist here).
        """
        node, line = self.node, self.line
        for depth, step in enumerate(path):
            child = _child(node, step)
            if child is None:
                return line, depth
            line, node = child
        return line, len(path)

    def repeated_key(self) -> tuple[str, int, int] | None:
        """The first key that a mapping has twice, and both lines."""
        waiting = [self.node]
        for node in waiting:
            if isinstance(node, yaml.MappingNode):
                lines: dict[str, int] = {}
                for key, _ in node.value:
                    line = key.start_mark.line + 1
                    if isinstance(key, yaml.ScalarNode) and lines.setdefault(key.value, line) != line:
                        return str(key.value), lines[key.value], line
                waiting += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
        return None

    def block(self, path: tuple[Step, ...]) -> int | None:
        """The line above the text that a path holds; None where the text's lines are not the document's."""
        node = self.node
        for step in path:
            child = _child(node, step)
            if child is None:
                return None
            _, node = child
        is_block = isinstance(node, yaml.ScalarNode) and node.style == "|"
        return int(node.start_mark.line) + 1 if is_block else None


@lru_cache(maxsize=1_000)
def parse(text: str) -> tuple[Document, ...]:
    """Parses every document of a YAML text; empty documents are left out.

    Environments share most of their files, so what was parsed is kept; nobody changes a document.

    Raises:
        YamlError: The text is not YAML.
    """
    return tuple(_documents(text))


def load(text: str) -> list[Any]:
    return [document.value for document in _documents(text)]


def untagged(text: str) -> str:
    """A text without the tags of scalars: kustomize leaves them where a replacement puts another type."""
    return _SCALAR_TAG.sub("", text)


def check_size(text: str) -> None:
    """Refuses a text with more nesting or aliases than any manifest has, which would take other parsers minutes.

    Raises:
        YamlError: It has, or is not YAML.
    """
    aliases = "&" in text and _ALIASES.search(text)
    if aliases or text.count("[") + text.count("{") > _DEEPEST or _INDENTED.search(text) or _may_be_wide(text):
        parse(text)


def _may_be_wide(text: str) -> bool:
    """Whether a mapping may have more keys than kustomize takes: more lines are indented alike."""
    if text.count("\n") <= _MOST_KEYS:
        return text.count(",") > _MOST_KEYS
    return max(Counter(_INDENT.findall(text)).values(), default=0) > _MOST_KEYS


class _Composer(CParser):
    """Makes nodes of YAML; what a plain scalar is, is left to the reader of its value."""

    _depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: tuple[bool, bool]) -> str:  # noqa: ARG002 - PyYAML's
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _STRING
        return f"{_CORE}map" if kind is yaml.MappingNode else f"{_CORE}seq"

    def descend_resolver(self, parent: Any, index: Any) -> None:  # noqa: ARG002 - PyYAML's
        """Called by the parser, which would otherwise use up the stack."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _refused(parent, f"it is nested more than {_DEEPEST} levels deep")

    def ascend_resolver(self) -> None:
        """Called by the parser."""
        self._depth -= 1


class _AnchorsAgain(Composer, _Composer):
    """Takes an anchor that is defined again, as Kubernetes does; the parser's own composer refuses it."""

    def __init__(self, text: str) -> None:
        _Composer.__init__(self, text)
        Composer.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(getattr(self.peek_event(), "anchor", None), None)
        return super().compose_node(parent, index)


def _documents(text: str) -> list[Document]:
    try:
        try:
            return list(_composed(_Composer(text)))
        except ComposerError as error:
            if error.problem != _ANCHOR_AGAIN:
                raise
            return list(_composed(_AnchorsAgain(text)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What is never closed is missed behind the last line.
        line = min(mark.line + 1, max(1, len(text.splitlines()))) if mark else None
        raise YamlError(error.problem or "not YAML", line) from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise YamlError("it contains a character that YAML does not allow", line) from None
    except (UnicodeError, RecursionError):
        raise YamlError("it contains a value that no manifest can contain", None) from None


def _composed(composer: _Composer) -> Iterator[Document]:
    try:
        while composer.check_node():
            node = composer.get_node()
            value = _Values().of(node)
            if value is not None:
                yield Document(value, node)
    finally:
        composer.dispose()


class _Values:
    """Reads the values of one document's nodes; an alias stands for the same value as its anchor."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int, int]] = {}
        self._open: set[int] = set()
        self._count = 0
        self._letters = 0

    def of(self, node: Any) -> Any:
        self._count += 1
        if isinstance(node, yaml.ScalarNode):
            self._letters += len(node.value)
            self._check_letters(node)
            value = _scalar(node)
            if isinstance(value, float) and not math.isfinite(value):
                raise _refused(node, "JSON cannot represent this number")
            return value
        if id(node) in self._known:
            value, size, letters = self._known[id(node)]
            self._count += size
            self._letters += letters
            if self._count > _MOST_VALUES:
                raise _refused(node, f"its aliases stand for more than {_MOST_VALUES:,} values")
            self._check_letters(node)
            return value
        count, letters = self._count, self._letters
        if id(node) in self._open:
            raise _refused(node, "an anchor contains itself")
        if node.tag not in _COLLECTIONS:
            raise _refused(node, "Kubernetes does not know this tag")
        self._open.add(id(node))
        value = (
            self._mapping(node) if isinstance(node, yaml.MappingNode) else [self.of(item) for item in node.value]
        )
        self._open.remove(id(node))
        self._known[id(node)] = value, self._count - count, self._letters - letters
        return value

    def _check_letters(self, node: Any) -> None:
        if self._letters > _MOST_LETTERS:
            raise _refused(node, f"its aliases stand for more than {_MOST_LETTERS:,} letters")

    def _mapping(self, node: Any) -> dict[str, Any]:
        value: dict[str, Any] = {}
        if len(node.value) > _MOST_KEYS:
            raise _refused(node, f"one of its mappings has more than {_MOST_KEYS:,} keys")
        for key, item in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in (_PLAIN, f"{_CORE}merge"):
                for merged in self._merged(item):
                    value |= merged
            else:
                value[_key(key)] = self.of(item)
        return value

    def _merged(self, node: Any) -> list[dict[str, Any]]:
        """The mappings that `<<` brings in, the most important last."""
        value = self.of(node)
        mappings = value[::-1] if isinstance(value, list) else [value]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            raise _refused(node, "'<<' takes a mapping, or a list of mappings")
        return mappings


def _key(node: Any) -> str:
    value = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if value is None or (isinstance(value, int) and value > _LARGEST_SIGNED):
        raise _refused(node, "a key must be a string, a number or a boolean")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if math.isfinite(value) else str(node.value)
    return str(value)


def _scalar(node: Any) -> Any:
    if node.tag == _PLAIN:
        return _plain(node.value)
    if node.tag in _TEXTS:
        return node.value
    if node.tag == f"{_CORE}binary":
        try:
            return base64.b64decode(node.value, validate=True).decode("utf-8", "replace")
        except binascii.Error:
            raise _refused(node, "!!binary is not base64") from None
    value = _plain(node.value)
    types = _TYPES.get(node.tag)
    if types is None:
        raise _refused(node, "Kubernetes does not know this tag")
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise _refused(node, "a value does not match its tag")
    return float(value) if float in types and isinstance(value, int) else value


@lru_cache(maxsize=10_000)
def _plain(text: str) -> Any:
    """What a plain scalar is: a truth value, nothing, a number, or a text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if len(digits) <= _MOST_DIGITS and (integer := _INTEGER.fullmatch(digits)):
        value = int(digits, 8 if integer[1] else 0)
        if _SMALLEST <= value <= (_LARGEST if digits[0].isdigit() else _LARGEST_SIGNED):
            return value
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    return text


def _refused(node: Any, why: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=node.start_mark)


def _child(node: Any, step: Step) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == step or _key(key) == step:
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
