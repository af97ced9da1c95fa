"""Values and field changes as lines of text, the same in every format that people read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.inert import one_line, split_lines
from harness.manifests.sensitive import REDACTED
from harness.review.model import REDACTED_CHANGED, ChangeKind, FieldChange, FieldKind
from harness.review.yaml_text import yaml_text

SIGNS: Final[Mapping[ChangeKind, str]] = {
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "-",
    ChangeKind.CHANGED: "~",
    ChangeKind.MOVED: ">",
}
"""One character for what became of a resource."""

REORDERED: Final = "the same items in another order"


@dataclass(frozen=True)
class Line:
    """One line of a field's difference.

    Attributes:
        sign: `+`, `-`, ` ` (context) or `@` (where in a text the next lines are).
        text: The line, without its sign and with nothing hidden in it.
    """

    sign: str
    text: str


def as_yaml(value: Any) -> list[str]:
    """A JSON value as YAML, so that `"3"` and `3` do not look alike.

    >>> as_yaml(3), as_yaml("3"), as_yaml(None), as_yaml({"a": [1]})
    (['3'], ["'3'"], ['null'], ['a:', '- 1'])
    """
    return split_lines(yaml_text(value).removesuffix("...\n"))


def compact(value: Any) -> str:
    """A JSON value on one line.

    >>> compact("3"), compact(["a", 1])
    ("'3'", '["a", 1]')
    """
    lines = as_yaml(value)
    return lines[0] if len(lines) == 1 else one_line(json.dumps(value, ensure_ascii=False))


def field_lines(change: FieldChange) -> list[Line]:
    """The difference in a field, without the value of a secret."""
    if change.secret:
        before = [] if change.kind is FieldKind.ADDED else [Line("-", REDACTED)]
        new = REDACTED if change.kind is FieldKind.ADDED else REDACTED_CHANGED
        after = [] if change.kind is FieldKind.REMOVED else [Line("+", new)]
        return before + after
    if change.lines:
        return _unified(change.lines)
    lines: list[Line] = []
    if change.kind is not FieldKind.ADDED:
        lines += [Line("-", text) for text in as_yaml(change.before)]
    if change.kind is not FieldKind.REMOVED:
        lines += [Line("+", text) for text in as_yaml(change.after)]
    return lines


def _unified(lines: Sequence[str]) -> list[Line]:
    shown = []
    for line in lines:
        sign, rest = (line[:1], line[1:]) if line[:1] in ("+", "-", " ") else ("@", line)
        shown += [Line(sign, text) for text in split_lines(rest) or [""]]
    return shown


def scalars(change: FieldChange) -> tuple[str, str] | None:
    """The value before and after, each on one line, for a scalar field."""
    if change.kind is not FieldKind.SET:
        return None
    lines = field_lines(change)
    if [line.sign for line in lines] != ["-", "+"]:
        return None
    return lines[0].text, lines[1].text


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "resource"), plural(1200, "resource"), plural(2, "dependency")
    ('1 resource', '1,200 resources', '2 dependencies')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"


def folded_text(counts: Mapping[str, int]) -> str:
    """What was folded, in words.

    >>> folded_text({"managed label": 2, "generated name": 1})
    '2 managed labels, 1 generated name'
    """
    return ", ".join(plural(count, one_line(reason)) for reason, count in counts.items() if count)
