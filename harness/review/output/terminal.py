"""Lines for a terminal: styled, and folded to its width.

Rich does the same and more, but takes as long to load as a small review takes altogether; only its table of the
width of characters is used.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells

Part = str | tuple[str, str]
"""A text, or a text and its style."""

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "reverse": "7",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
}
_WORD: Final = re.compile(r"\s*\S+\s*")


class Page:
    """Collects the lines of a text."""

    def __init__(self, width: int, *, colour: bool) -> None:
        self.width: Final = width
        self._colour = colour
        self._lines: list[str] = []

    def __str__(self) -> str:
        # A diff that ends in spaces is noise when it is pasted.
        return "".join(f"{line.rstrip(' ')}\n" for line in self._lines)

    def blank(self) -> None:
        self._lines.append("")

    def line(self, indent: int, *parts: Part) -> None:
        """A line that wraps between words, with the same indent."""
        self._lines += [" " * indent + folded for folded in self._folded(parts, self.width - indent)]

    def exact(self, content: str, style: str) -> None:
        """A line whose whitespace is kept."""
        self._lines.append(self._styled(content, style))

    def grid(self, indent: int, rows: Iterable[tuple[Part, Sequence[Part]]]) -> None:
        """Two columns; the second wraps."""
        rows = list(rows)
        first = max(cell_len(_text(label)) for label, _ in rows) + 2
        for label, parts in rows:
            head = f"{self._styled(*_pair(label))}{' ' * (first - cell_len(_text(label)))}"
            for folded in self._folded(parts, self.width - indent - first):
                self._lines.append(f"{' ' * indent}{head}{folded}")
                head = " " * first

    def _folded(self, parts: Sequence[Part], width: int) -> Iterator[str]:
        pairs = [_pair(part) for part in parts]
        ends = [*_breaks("".join(content for content, _ in pairs), max(width, 1)), None]
        line, position = "", 0
        for content, style in pairs:
            rest = content
            while ends[0] is not None and position + len(rest) > ends[0]:
                cut = ends[0] - position
                yield line + self._styled(rest[:cut].rstrip() if cut else "", style)
                line, rest, position = "", rest[cut:], ends.pop(0) or 0
            line += self._styled(rest, style)
            position += len(rest)
        yield line

    def _styled(self, content: str, style: str) -> str:
        if not (self._colour and style and content):
            return content
        return f"\033[{';'.join(_CODES[word] for word in style.split())}m{content}\033[0m"


def _pair(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part


def _text(part: Part) -> str:
    return _pair(part)[0]


def _breaks(text: str, width: int) -> Iterator[int]:
    """Where to break a text to keep within a width; only a word that is too wide is cut."""
    used = 0
    for match in _WORD.finditer(text):
        word, start = match[0], match.start()
        size = cell_len(word.rstrip())
        if used + size <= width:
            used += cell_len(word)
        elif size <= width:
            yield start
            used = cell_len(word)
        else:
            for piece in chop_cells(word, width):
                if start:
                    yield start
                start += len(piece)
                used = cell_len(piece)
