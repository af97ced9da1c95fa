"""Reads the documentation: its pages, their code, links and headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

REVIEW_PAGE = ROOT / "harness" / "review" / "README.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", REVIEW_PAGE, *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^(?: {4,}|\t)\S.*$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A piece of code in a page."""

    page: Path
    text: str
    inline: bool

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text}"


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _INDENTED.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))


def snippets(page: Path) -> Iterator[Snippet]:
    """Each line of the page's blocks of code, continued lines joined, and each inline code."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for pattern in (_FENCE, _INDENTED) for block in pattern.findall(text)]
    for line in re.sub(r"\\\n\s*", "", "\n".join(blocks)).splitlines():
        yield Snippet(page, line.strip().removeprefix("$ "), inline=False)
    for code in re.findall(r"`([^`]+)`", prose(page)):
        yield Snippet(page, " ".join(code.split()), inline=True)


def links(page: Path) -> list[str]:
    """The targets of the page's links and images, apart from addresses."""
    return [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page))
        if not re.match(r"[a-z]+://|mailto:", target)
    ]


def anchors(page: Path) -> set[str]:
    """The anchors that a forge gives to the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
