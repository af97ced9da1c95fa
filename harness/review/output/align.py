"""Aligns two texts side by side, and marks what differs within a line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

CONTEXT: Final = 3
"""Equal lines that are shown around a difference."""

_TOKENS: Final = re.compile(r"\w+|\s+|.")
_ALIKE: Final = 0.4
"""Lines with less in common than this share are no versions of each other."""
_EXACT_LINES: Final = 1_500
"""With more lines than this on a side, frequent ones are no anchors any more: exact matching is quadratic."""
_TOKENS_COMPARED: Final = 2_000


@dataclass(frozen=True)
class Piece:
    """A part of a line.

    Attributes:
        marked: Whether it differs from the other side.
    """

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Row:
    """One line on both sides; `number` is its 1-based number there, None where the side has none.

    Attributes:
        kind: `equal`, `change`, `add` or `del`.
    """

    kind: str
    left_number: int | None
    left: tuple[Piece, ...]
    right_number: int | None
    right: tuple[Piece, ...]


@dataclass(frozen=True)
class Fold:
    """Equal lines that are hidden until the reader expands them."""

    lines: tuple[str, ...]


def side_by_side(before: Sequence[str], after: Sequence[str]) -> list[Row | Fold]:
    """Aligns two texts; long equal stretches are folded."""
    rows: list[Row | Fold] = []
    blocks = list(_blocks(before, after))
    for index, (kind, left, right) in enumerate(blocks):
        if kind != "equal":
            rows += _changed(before, after, left, right)
            continue
        lines = range(left.start, left.stop)
        offset = right.start - left.start
        head = CONTEXT if index > 0 else 0
        tail = CONTEXT if index < len(blocks) - 1 else 0
        # A fold takes a line itself, so it has to hide at least two.
        if len(lines) <= head + tail + 1:
            head, tail = len(lines), 0
        rows += [_equal(before[line], line, offset) for line in lines[:head]]
        hidden = lines[head : len(lines) - tail]
        if hidden:
            rows.append(Fold(tuple(before[hidden.start : hidden.stop])))
        rows += [_equal(before[line], line, offset) for line in lines[len(lines) - tail :]]
    return rows


def _equal(text: str, line: int, offset: int) -> Row:
    return Row("equal", line + 1, (Piece(text),), line + offset + 1, (Piece(text),))


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, range, range]]:
    """The non-empty stretches, equal or different, in order."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    if start:
        yield "equal", range(start), range(start)
    if left or right:
        matcher = SequenceMatcher(None, left, right, autojunk=max(len(left), len(right)) > _EXACT_LINES)
        for kind, left_start, left_end, right_start, right_end in matcher.get_opcodes():
            yield (
                kind,
                range(start + left_start, start + left_end),
                range(start + right_start, start + right_end),
            )
    if end:
        yield "equal", range(len(before) - end, len(before)), range(len(after) - end, len(after))


def _changed(before: Sequence[str], after: Sequence[str], left: range, right: range) -> Iterator[Row]:
    """The rows of a stretch that differs: versions of a line side by side, other lines alone."""
    waiting = list(right)
    for line in left:
        # Only the next lines that are left are looked at, so that the order stays and the time is bounded.
        other = next((one for one in waiting[:4] if _alike(before[line], after[one])), None)
        if other is None:
            yield Row("del", line + 1, (Piece(before[line]),), None, ())
            continue
        for added in waiting[: waiting.index(other)]:
            yield Row("add", None, (), added + 1, (Piece(after[added]),))
        waiting = waiting[waiting.index(other) + 1 :]
        pieces = within(before[line], after[other])
        yield Row("change", line + 1, pieces[0], other + 1, pieces[1])
    for added in waiting:
        yield Row("add", None, (), added + 1, (Piece(after[added]),))


def _alike(left: str, right: str) -> bool:
    one, other = left.strip(), right.strip()
    key = one.partition(":")[0]
    if ":" in one and key == other.partition(":")[0]:
        return True
    if ":" in one and ":" in other:
        return False
    matcher = SequenceMatcher(None, one, other)
    return (
        matcher.quick_ratio() >= _ALIKE and len(one) + len(other) < _TOKENS_COMPARED and matcher.ratio() >= _ALIKE
    )


def within(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Marks the words that differ between two versions of a line.

    >>> [piece.text for piece in within("image: a:1", "image: a:2")[1] if piece.marked]
    ['2']
    """
    left, right = _TOKENS.findall(before), _TOKENS.findall(after)
    if len(left) + len(right) > _TOKENS_COMPARED:
        return (Piece(before, marked=True),), (Piece(after, marked=True),)
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        # A space between two words that differ is no common ground: marks run on over it.
        same = kind == "equal" and not (a > 0 and b < len(left) and "".join(left[a:b]).isspace())
        for side, tokens in zip(sides, (left[a:b], right[c:d]), strict=True):
            if not tokens:
                continue
            text = "".join(tokens)
            if side and side[-1].marked is not same:
                text = side.pop().text + text
            side.append(Piece(text, marked=not same))
    return tuple(sides[0]), tuple(sides[1])
