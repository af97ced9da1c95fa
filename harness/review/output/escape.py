"""Escapes foreign text in Markdown: it can neither break the comment nor mention anybody."""

import html
import re
from collections.abc import Iterable
from typing import Final

from harness.inert import one_line
from harness.review.output.values import Line

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]#|~$])")
# What GitHub and GitLab turn into a mention, a reference, a link or a picture: @user #1 !1 ~label %milestone
# $snippet &epic GH-1 :name: and bare addresses. A zero-width space inside keeps them from being recognised.
_REFERENCE: Final = re.compile(r"[@#!~%$&^](?=\w)|\bGH-(?=\d)|:(?=//)|\bwww(?=\.)|:(?=[\w+-]+:)", re.IGNORECASE)
_BREAK: Final = "\u200b"
_BACKTICKS: Final = re.compile("`+")


def prose(text: str) -> str:
    r"""A sentence as Markdown that renders literally.

    >>> prose("a_b | <b>")
    'a\\_b \\| &lt;b&gt;'
    >>> prose("ask @root")
    'ask @&#8203;root'
    """
    quiet = _REFERENCE.sub(lambda match: match[0] + _BREAK, one_line(text))
    return _MARKUP.sub(r"\\\1", html.escape(quiet, quote=False)).replace(_BREAK, "&#8203;")


def code(text: str) -> str:
    r"""A name or value as inline code.

    >>> code("a"), code("a`b"), code("`")
    ('`a`', '``a`b``', '`` ` ``')
    """
    content = one_line(text)
    if not content.strip():
        return "(empty)"
    fence = "`" * (_longest_run([content]) + 1)
    pad = " " if "`" in (content[0], content[-1]) else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def cell(text: str) -> str:
    r"""A name or value as a table cell.

    >>> cell("a|b")
    '`a\\|b`'
    """
    return code(text).replace("|", "\\|")


def tag(text: str) -> str:
    """A name or value within HTML, where Markdown has no effect.

    >>> tag("<b>")
    '<code>&lt;b&gt;</code>'
    """
    return f"<code>{html.escape(one_line(text))}</code>"


def block(lines: Iterable[Line]) -> str:
    """Lines as a fenced diff block that no content can close."""
    texts = [line.text if line.sign == "@" else line.sign + line.text for line in lines]
    fence = "`" * max(3, _longest_run(texts) + 1)
    return "\n".join([f"{fence}diff", *texts, fence])


def _longest_run(texts: Iterable[str]) -> int:
    return max((len(run) for text in texts for run in _BACKTICKS.findall(text)), default=0)
