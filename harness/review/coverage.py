"""What a review does not cover: changed files that nothing compared was made of, and what could not be followed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from harness.manifests.built_tree import BuiltTree
from harness.manifests.patterns import covers
from harness.manifests.settings import FILE
from harness.review.model import Note

_MOST_NAMES: Final = 5
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


def uncovered_files(changed: Iterable[str], sides: Sequence[BuiltTree], accepted: Sequence[str]) -> list[str]:
    read = {path for side in sides for path in side.read_files()}
    return [path for path in changed if path not in read and not covers(path, [*accepted, *_PROSE])]


def not_followed(notes: Iterable[Note], accepted: Sequence[str]) -> list[str]:
    """The Applications of which something is not built, as ENV/APPLICATION."""
    return [name for name in _names(note for note in notes if note.application) if not covers(name, accepted)]


def said_once(notes: Sequence[Note]) -> list[Note]:
    """Notes in which a cause that several Applications have is said once, with their names."""
    by_cause: dict[str, list[Note]] = defaultdict(list)
    for note in notes:
        by_cause[note.cause].append(note)
    shared = {cause: names for cause, same in by_cause.items() if cause and len(names := _names(same)) > 1}
    return [
        *(note for note in notes if note.cause not in shared),
        *(_together(cause, names, by_cause[cause]) for cause, names in shared.items()),
    ]


def _names(notes: Iterable[Note]) -> list[str]:
    return list(dict.fromkeys(f"{note.environment}/{note.application}" for note in notes))


def _together(cause: str, names: Sequence[str], notes: Sequence[Note]) -> Note:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    whose = ", ".join(names[:_MOST_NAMES]) + more
    sentence = f"Helm charts of {len(names)} Applications or roots are not rendered, because {cause}: {whose}."
    return Note("", "", sentence, any(note.changed for note in notes))
