"""What a review does not cover: changed files that nothing compared was made of, and what could not be followed."""

import posixpath
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

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
"""Files that nothing deploys, except from a Helm chart."""


def uncovered_files(changed: Iterable[str], sides: Sequence[Side], accepted: Sequence[str]) -> list[str]:
    read = {path for side in sides for path in side.read_files()}
    watched = {
        folder
        for side in sides
        for applications in side.environments.values()
        for application in applications
        for folder in application.watched
    }
    return [
        path
        for path in changed
        if path not in read
        and not is_accepted(path, accepted)
        and (any(path.startswith(f"{folder}/") for folder in watched) or not is_accepted(path, _PROSE))
    ]


def not_followed(notes: Iterable[Note], accepted: Sequence[str]) -> list[str]:
    """The Applications of which something is not built, as ENV/APPLICATION."""
    names = dict.fromkeys(f"{note.environment}/{note.application}" for note in notes if note.application)
    return [name for name in names if not is_accepted(name, accepted)]


def is_accepted(path: str, patterns: Iterable[str]) -> bool:
    r"""Whether a pattern covers a path, or the file's name where the pattern has no slash.

    >>> [is_accepted(path, ["docs/**", "*.md"]) for path in ("docs/a/b.txt", "a/b.md", "docs2/a")]
    [True, True, False]
    """
    return any(
        fnmatchcase(path if "/" in pattern else posixpath.basename(path), pattern.replace("/**", "/*"))
        for pattern in patterns
    )
