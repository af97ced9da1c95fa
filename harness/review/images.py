"""Image replacements in the review, and what their tags say about them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from harness.manifests.images import floating, images_in, reference, version
from harness.manifests.resource import Identity
from harness.review.fields import Fields
from harness.review.model import FieldKind, ImageChange

Replaced = tuple[str, str, Identity]
"""(image at base, image at head, the workload); empty for none."""


def paired(fields: Fields, identity: Identity) -> Iterator[Replaced]:
    """The images that a workload replaces; one that a renamed container brings replaces the one that goes."""
    rows = list(replaced(fields, identity))
    gone = [before for before, after, _ in rows if not after]
    come = [after for before, after, _ in rows if not before]
    yield from (row for row in rows if row[0] and row[1])
    for image in list(gone):
        same = [other for other in come if reference(other).repository == reference(image).repository]
        if same:
            gone.remove(image)
            come.remove(same[0])
            yield image, same[0], identity
    if len(gone) == len(come) == 1:
        yield gone[0], come[0], identity
    else:
        yield from ((image, "", identity) for image in gone)
        yield from (("", image, identity) for image in come)


def replaced(fields: Fields, identity: Identity) -> Iterator[Replaced]:
    for change, path in zip(fields.changes, fields.paths, strict=True):
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
    rows: dict[tuple[str, str], set[Identity]] = defaultdict(set)
    for before, after, identity in changes:
        if before != after:
            rows[before, after].add(identity)
    return tuple(
        ImageChange(before, after, tuple(sorted(identities)), note(before, after))
        for (before, after), identities in sorted(rows.items())
    )


def note(before: str, after: str) -> str:
    if not before or not after:
        return "new" if after else "gone"
    (old_name, old_tag, old_digest), (new_name, new_tag, new_digest) = reference(before), reference(after)
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
