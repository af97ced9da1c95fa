"""Patterns for paths, in the dialects of the programs that read them.

Whoever writes a pattern may be a stranger, so no pattern makes the regular expression that stands for it try one
text in more ways than grow with its length.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

_STAR: Final = "*"
_STARS: Final = "**"
_MOST_CHOICES: Final = 1_000
"""Alternatives that a pattern with braces may stand for."""
_DEEPEST: Final = 20
"""Braces within braces."""


@cache
def path_match(pattern: str) -> re.Pattern[str]:
    """Go's path.Match, in which nothing but a slash goes from folder to folder.

    >>> [bool(path_match("apps/*/prod").fullmatch(path)) for path in ("apps/web/prod", "apps/a/b/prod")]
    [True, False]
    """
    return _compiled(pattern, _Dialect(star="[^/]*", stars="[^/]*", any_character="[^/]", negation="^"))


@cache
def argocd_glob(pattern: str, *, is_url: bool = False) -> re.Pattern[str]:
    """Argo CD's patterns: `*` is any text, in a URL one without a slash, and `{a,b}` is a choice.

    >>> [bool(argocd_glob("{a,b/*}.yaml").fullmatch(path)) for path in ("a.yaml", "b/c/d.yaml", "c.yaml")]
    [True, True, False]
    """
    star, any_character = ("[^/]*", "[^/]") if is_url else (".*", ".")
    return _compiled(pattern, _Dialect(star, ".*", any_character, negation="!", has_braces=True))


@dataclass(frozen=True)
class _Dialect:
    """The regular expressions of what is special in a pattern."""

    star: str
    stars: str
    any_character: str
    negation: str
    has_braces: bool = False


class _UnreadableError(Exception):
    pass


def _compiled(pattern: str, dialect: _Dialect) -> re.Pattern[str]:
    """A pattern that cannot be read matches nothing."""
    try:
        choices, _ = _parse(pattern, 0, dialect, depth=0)
        return re.compile("|".join(_expression(choice, dialect) for choice in choices), re.DOTALL)
    except (re.error, _UnreadableError):
        return re.compile("(?!)")


def _parse(pattern: str, at: int, dialect: _Dialect, depth: int) -> tuple[list[tuple[str, ...]], int]:
    """The texts that a pattern stands for, as stars and regular expressions of one character, and where it ends."""
    whole: list[tuple[str, ...]] = []
    here: list[tuple[str, ...]] = [()]
    while at < len(pattern):
        character, at = pattern[at], at + 1
        parts: Iterable[tuple[str, ...]]
        if character == "*":
            count = len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            parts = [(_STARS if count else _STAR,)]
            at += count
        elif character == "?":
            parts = [(dialect.any_character,)]
        elif character == "[" and (end := pattern.find("]", at + 1)) > 0:
            inside, at = pattern[at:end], end + 1
            excluded = "^" if inside.startswith(dialect.negation) else ""
            listed = re.escape(inside[len(excluded) :]).replace(r"\-", "-")
            parts = [(f"[{excluded}{listed}]",)]
        elif character == "\\" and at < len(pattern):
            parts = [(re.escape(pattern[at]),)]
            at += 1
        elif dialect.has_braces and character == "{" and depth < _DEEPEST:
            parts, at = _parse(pattern, at, dialect, depth + 1)
        elif depth and character == "}":
            return whole + here, at
        elif depth and character == ",":
            whole, here = whole + here, [()]
            continue
        else:
            parts = [(re.escape(character),)]
        here = [(*before, *after) for before, after in product(here, parts)]
        if len(here) + len(whole) > _MOST_CHOICES:
            raise _UnreadableError
    if depth:  # a brace is open
        raise _UnreadableError
    return here, at


def _expression(choice: Sequence[str], dialect: _Dialect) -> str:
    """The regular expression of a text.

    Each star but the last takes as little as it can, for good: what follows it can take the rest as well.
    """
    sections = _split(choice, _STARS)
    first, *middle = (_section(section, dialect) for section in sections[:-1]) if len(sections) > 1 else ("",)
    last = _section(sections[-1], dialect, is_last=True)
    between = "".join(f"(?>{dialect.stars}?{section})" for section in middle)
    return f"(?:{first}{between}{dialect.stars if len(sections) > 1 else ''}{last})"


def _section(parts: Sequence[str], dialect: _Dialect, *, is_last: bool = False) -> str:
    first, *pieces = ("".join(piece) for piece in _split(parts, _STAR))
    end = f"{dialect.star}{pieces.pop()}" if is_last and pieces else ""
    return first + "".join(f"(?>{dialect.star}?{piece})" for piece in pieces) + end


def _split(parts: Sequence[str], at: str) -> list[list[str]]:
    pieces: list[list[str]] = [[]]
    for part in parts:
        if part == at:
            pieces.append([])
        else:
            pieces[-1].append(part)
    return pieces
