"""Text of others that neither acts on a reader's terminal nor on the CI system that logs it."""

import re
from typing import Final

# Control characters could move a terminal's cursor, directional ones could make a diff read as what it is not,
# and lone surrogates cannot be written as UTF-8. Tabs and line feeds are what they look like.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LINE_ENDS: Final = re.compile("\r\n|\n|\r")
_COMMAND: Final = re.compile(r"^[ \t]*:(?=:)|#(?=#[\w-]*\[)", re.MULTILINE)
"""Where GitHub's, Azure's and TeamCity's commands begin: `::error`, `##[group]`, `##vso[`, `##teamcity[`."""


def visible(text: str) -> str:
    r"""Escapes characters that would control the reader's screen.

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    >>> visible("user\u202enimda")
    'user\\u202enimda'
    """
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""A text on one line.

    >>> one_line("a\n  b")
    'a   b'
    """
    return visible(" ".join(_LINE_ENDS.split(text)).replace("\t", " "))


def split_lines(text: str) -> list[str]:
    r"""The lines of a text, wherever any reader may see the end of one.

    >>> split_lines("a\rb\n")
    ['a', 'b']
    """
    lines = _LINE_ENDS.split(text)
    return [visible(line) for line in (lines[:-1] if lines and not lines[-1] else lines)]


def visible_in_json(text: str) -> str:
    r"""JSON that holds the same, in which nothing is hidden.

    >>> visible_in_json('"user\u202enimda"')
    '"user\\u202enimda"'
    """
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def without_commands(text: str) -> str:
    r"""Text for a log that a CI system reads; in JSON it means the same as before.

    >>> without_commands("a::b\n  ::error::x")
    'a::b\n  \\u003a:error::x'
    >>> without_commands("x ##vso[task]")
    'x \\u0023#vso[task]'
    """
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\\u00{ord(match[0][-1]):02x}", text)
