"""What a review does not cover: changed files that nothing compared was made of, and what could not be followed."""

from collections.abc import Iterable, Sequence
from typing import Final

from harness.manifests.patterns import covers
from harness.manifests.settings import FILE
from harness.review.model import Note
from harness.review.side import Side

_PROSE: Final = (
    "*.md",
    "*.rst",
    "*.adoc",
    "LICENSE*",
    "NOTICE*",
    "CODEOWNERS",
    ".gitignore",
    ".editorconfig",
    FILE,
)
"""Files that nothing deploys, except from a Helm chart that is rendered."""


def uncovered_files(changed: Iterable[str], sides: Sequence[Side], accepted: Sequence[str]) -> list[str]:
    read = {path for side in sides for path in side.read_files()}
    return [path for path in changed if path not in read and not covers(path, [*accepted, *_PROSE])]


def not_followed(notes: Iterable[Note], accepted: Sequence[str]) -> list[str]:
    """The Applications of which something is not built, as ENV/APPLICATION."""
    names = dict.fromkeys(f"{note.environment}/{note.application}" for note in notes if note.application)
    return [name for name in names if not covers(name, accepted)]
