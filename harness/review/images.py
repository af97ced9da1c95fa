"""Images in the review: which one replaces which, and what their tags say about it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from harness.review.fields import Fields
from harness.review.model import FieldKind, Identity, ImageChange

_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-+._].*)?")

Replaced = tuple[str, str, Identity]
"""(image at base, image at head, the workload); empty for none."""


def images_in(value: Any) -> Iterator[str]:
    """Every image that a value names."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "image" and isinstance(item, str) and item:
                yield item
            else:
                yield from images_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from images_in(item)


def replaced(found: Fields, identity: Identity) -> Iterator[Replaced]:
    """The images that differ between two versions of a resource."""
    for change, path in zip(found.changes, found.paths, strict=True):
        if change.secret:
            continue
        if path and path[-1] == "image":
            before = change.before if isinstance(change.before, str) else ""
            after = change.after if isinstance(change.after, str) else ""
            if before or after:
                yield before, after, identity
        elif change.kind is not FieldKind.REORDERED:
            yield from ((image, "", identity) for image in images_in(change.before))
            yield from (("", image, identity) for image in images_in(change.after))


def table(changes: Iterable[Replaced]) -> tuple[ImageChange, ...]:
    """The rows of the table of images: one for each pair."""
    rows: dict[tuple[str, str], set[Identity]] = defaultdict(set)
    for before, after, identity in changes:
        if before != after:
            rows[before, after].add(identity)
    return tuple(
        ImageChange(before, after, tuple(sorted(identities)), note(before, after))
        for (before, after), identities in sorted(rows.items())
    )


def parts(image: str) -> tuple[str, str, str]:
    """Repository, tag and digest of an image; empty for what it does not have.

    >>> parts("registry:5000/web:1.2@sha256:0ab")
    ('registry:5000/web', '1.2', 'sha256:0ab')
    """
    rest, _, digest = image.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag, digest


def version(tag: str) -> tuple[int, ...] | None:
    """The version that a tag starts with, or None."""
    found = _VERSION.fullmatch(tag)
    return tuple(map(int, found[1].split("."))) if found else None


def floating(image: str) -> bool:
    """Whether the image can be another one tomorrow by design: no tag and no digest, or `latest`."""
    _, tag, digest = parts(image)
    return not digest and tag in ("", "latest")


def note(before: str, after: str) -> str:
    """What two images say about the change, in words."""
    if not before or not after:
        return "new" if after else "gone"
    (old_name, old_tag, old_digest), (new_name, new_tag, new_digest) = parts(before), parts(after)
    words = []
    if old_name != new_name:
        words.append("another repository")
    old, new = version(old_tag), version(new_tag)
    if old is not None and new is not None and old != new:
        words.append("upgrade" if new > old else "downgrade")
    elif old_tag == new_tag and old_digest != new_digest and old_digest and new_digest:
        words.append("same tag, another digest")
    if new_digest and not old_digest:
        words.append("pinned by digest")
    elif old_digest and not new_digest:
        words.append("no longer pinned by digest")
    if floating(after):
        words.append("floating tag")
    return ", ".join(words)
