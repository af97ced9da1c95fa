"""The scalars that a change sets, adds or removes, those within what is added or removed as a whole included."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.manifests.values import canonical
from harness.review.fieldpath import FieldPath, Key, path_text
from harness.review.risks.context import Change


@dataclass(frozen=True)
class Leaf:
    """A scalar that differs.

    Attributes:
        names: The names on the way to it, without indexes and keys.
    """

    path: str
    names: tuple[str, ...]
    before: Any
    after: Any

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""


def leaves_of(change: Change) -> Iterator[Leaf]:
    for field, path in zip(change.fields.changes, change.fields.paths, strict=True):
        if field.secret:
            continue
        names = tuple(step for step in path if isinstance(step, str))
        if path[-1:] == ("value",) and len(path) > 1 and isinstance(path[-2], Key):
            names = (*names[:-1], *path[-2].text.removeprefix("name=").split("."))
        old, new = dict(flat(field.before, names)), dict(flat(field.after, names))
        for inner in dict.fromkeys((*old, *new)):
            if canonical(old.get(inner)) != canonical(new.get(inner)):
                where: FieldPath = (*path, *inner[len(names) :])
                yield Leaf(path_text(where), inner, old.get(inner), new.get(inner))


def flat(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and "value" in value:
            yield (*names, *value["name"].split(".")), value["value"]
            return
        for key, item in value.items():
            yield from flat(item, (*names, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from flat(item, names)
    elif value is not None:
        yield names, value
