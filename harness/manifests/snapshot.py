"""A tree of files as it was at one side of the comparison: looked up by path, read when needed."""

import hashlib
import os
import posixpath
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from harness.manifests.git import SUBMODULE, SYMLINK, Entry, Repository

MAX_BYTES: Final = 10_000_000
"""No input of a manifest comes near this: etcd takes 1.5 MB for one object."""
_MAX_LINKS: Final = 16


class UnreadableError(ValueError):
    """A path that the review does not read; the message says why, without a full stop."""


class Store:
    """Content by object id, read once, for both sides."""

    def __init__(self, repository: Repository) -> None:
        """Takes the repository."""
        self._repository = repository
        self._content: dict[str, bytes] = {}

    def blob(self, oid: str) -> bytes:
        """A blob's content."""
        if oid not in self._content:
            self._content[oid] = self._repository.blob(oid)
        return self._content[oid]

    def from_disk(self, path: str, *, link: bool) -> str:
        """Takes a file of the working tree in; returns the object id that git would give it."""
        place = self._repository.root / path
        try:
            if link:
                content = os.fsencode(os.readlink(place))  # noqa: PTH115 - the raw target, as git stores it
            else:
                size = place.stat().st_size
                if size > MAX_BYTES:
                    raise UnreadableError(f"{path} has {size:,} bytes, more than the {MAX_BYTES:,} of any manifest")
                content = place.read_bytes()
        except OSError as error:
            raise UnreadableError(f"{path} cannot be read ({error.strerror})") from error
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self._content[oid] = content
        return oid


class Snapshot:
    """The files of one side. Paths are relative to the repository's root, with slashes; the root is `.`."""

    def __init__(self, entries: dict[str, Entry], store: Store) -> None:
        """Takes the entries by path."""
        self._entries = entries
        self._store = store
        self._specials = any(entry.mode in (SYMLINK, SUBMODULE) for entry in entries.values())
        self._ids: dict[str, str] = {}

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The names in each folder, files and folders alike, sorted."""
        found: dict[str, set[str]] = {".": set()}
        for path in self._entries:
            parent, _, name = path.rpartition("/")
            while name not in (names := found.setdefault(parent or ".", set())):
                names.add(name)
                if not parent:
                    break
                parent, _, name = parent.rpartition("/")
        return {folder: sorted(names) for folder, names in found.items()}

    def paths(self) -> Iterator[str]:
        """All files, links and submodules."""
        return iter(self._entries)

    def entry(self, path: str) -> Entry | None:
        """What is at a path, without following a link."""
        return self._entries.get(path)

    def resolve(self, path: str) -> str:
        """The path with its links followed.

        Raises:
            UnreadableError: It leaves the repository, goes into a submodule, or goes round in circles.
        """
        return self.follow(path)[0]

    def follow(self, path: str) -> tuple[str, list[str]]:
        """The path with its links followed, and those links.

        Raises:
            UnreadableError: See `resolve`.
        """
        named, path = path, posixpath.normpath(path)
        links: list[str] = []
        while len(links) < _MAX_LINKS:
            if path == ".." or path.startswith(("../", "/")):
                where = f"the link {links[-1]} leads" if links else f"{named} is"
                raise UnreadableError(f"{where} outside the repository")
            special = self._first_special(path) if self._specials else None
            if special is None:
                return path, links
            place, entry = special
            if entry.mode == SUBMODULE:
                raise UnreadableError(f"{named} is in the submodule {place}, which the review does not read")
            links.append(place)
            target = posixpath.join(posixpath.dirname(place), self.content(place).decode("utf-8", "replace"))
            path = posixpath.normpath(posixpath.join(target, posixpath.relpath(path, place)))
        raise UnreadableError(f"the links at {named} go round in circles")

    def is_file(self, path: str) -> bool:
        """Whether a resolved path is a file."""
        entry = self._entries.get(path)
        return entry is not None and entry.mode not in (SUBMODULE, SYMLINK)

    def is_folder(self, path: str) -> bool:
        """Whether a resolved path is a folder."""
        return path in self.folders

    def oid(self, path: str) -> str:
        """The content's id.

        Raises:
            UnreadableError: A file of the working tree cannot be read.
            KeyError: There is no such file.
        """
        entry = self._entries[path]
        if entry.oid:
            return entry.oid
        if path not in self._ids:
            self._ids[path] = self._store.from_disk(path, link=entry.mode == SYMLINK)
        return self._ids[path]

    def content(self, path: str) -> bytes:
        """A file's content, or a link's target.

        Raises:
            UnreadableError: It is too large to be a manifest, or cannot be read.
            KeyError: There is no such file.
        """
        content = self._store.blob(self.oid(path))
        if len(content) > MAX_BYTES:
            raise UnreadableError(f"{path} has {len(content):,} bytes, more than the {MAX_BYTES:,} of any manifest")
        return content

    def text(self, path: str) -> str:
        """A file's text.

        Raises:
            UnreadableError: It is not UTF-8, or see `content`.
        """
        content = self.content(path)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableError(f"{path} is not UTF-8 at byte {error.start}") from None

    def changed(self, other: "Snapshot") -> list[str]:
        """The paths whose content, mode or existence differs, sorted."""
        found = []
        for path in self._entries.keys() | other._entries.keys():
            left, right = self._entries.get(path), other._entries.get(path)
            if left is None or right is None or left.mode != right.mode or self._differs(path, other):
                found.append(path)
        return sorted(found)

    def _differs(self, path: str, other: "Snapshot") -> bool:
        if self._entries[path] == other._entries[path] and self._entries[path].oid:
            return False
        try:
            return self.oid(path) != other.oid(path)
        except UnreadableError:
            return True

    def _first_special(self, path: str) -> tuple[str, Entry] | None:
        """The first link or submodule on the way to a path, and what it is."""
        steps = path.split("/")
        for length in range(1, len(steps) + 1):
            place = "/".join(steps[:length])
            entry = self._entries.get(place)
            if entry is not None and entry.mode in (SYMLINK, SUBMODULE):
                return place, entry
        return None
