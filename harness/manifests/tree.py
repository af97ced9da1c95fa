"""A tree: the files of a commit or of a working copy, looked up by path and read when needed.

Paths are relative to the tree's top, with slashes; the top is `.`.
"""

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from harness.manifests.encodings import is_utf_16
from harness.manifests.git import SUBMODULE, SYMLINK, Entry, Repository
from harness.manifests.problem import Location, Problem

MAX_BYTES: Final = 10_000_000
"""No input of a manifest comes near this: etcd takes 1.5 MB for one object."""
_MAX_LINKS: Final = 16


class UnreadableError(ValueError):
    """A path that cannot be read; the message says why, without a full stop.

    Attributes:
        location: Where to look; None for where the path is named.
    """

    def __init__(self, message: str, rule: str = "LH103", location: Location | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.location = location

    def problem(self, named_at: Location) -> Problem:
        """The problem that it is for what names the path at a location."""
        return Problem(self.rule, f"{self}.", self.location or named_at)


class Listing(Protocol):
    """Which files a tree has."""

    def get(self, path: str) -> Entry | None:
        """What is at a path, without following a link."""

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path."""

    def is_special(self, path: str) -> bool:
        """Whether there is a pipe, a socket or a device at a path."""

    def paths(self, folder: str) -> Iterator[str]:
        """All files, links and submodules below a folder."""


class Store:
    """Content by object id, read once, for all trees of a repository."""

    def __init__(self, root: Path, repository: Repository | None = None) -> None:
        self._root = root
        self._repository = repository
        self._content: dict[str, bytes] = {}

    def blob(self, oid: str) -> bytes:
        if oid not in self._content:
            assert self._repository is not None  # noqa: S101 - only a repository's trees name other objects
            self._content[oid] = self._repository.blob(oid)
        return self._content[oid]

    def from_disk(self, path: str, *, link: bool) -> str:
        """Takes in a file of the working copy; returns the object id that git would give it."""
        file = self._root / path
        try:
            if link:
                content = os.fsencode(os.readlink(file))  # noqa: PTH115 - the raw target, as git stores it
            else:
                size = file.stat().st_size
                if size > MAX_BYTES:
                    raise _too_large(path, size)
                content = file.read_bytes()
        except OSError as error:
            raise UnreadableError(f"{path} cannot be read ({error.strerror})") from error
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self._content[oid] = content
        return oid


class Tree:
    """The files of a commit or of a working copy."""

    def __init__(self, listing: Listing, store: Store, *, may_link: bool = True) -> None:
        self._listing = listing
        self._store = store
        self._may_link = may_link
        self._ids: dict[str, str] = {}

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The names in each folder, files and folders alike, sorted."""
        names_of: dict[str, set[str]] = {".": set()}
        for path in self.paths():
            parent, _, name = path.rpartition("/")
            while name not in (names := names_of.setdefault(parent or ".", set())):
                names.add(name)
                if not parent:
                    break
                parent, _, name = parent.rpartition("/")
        return {folder: sorted(names) for folder, names in names_of.items()}

    def paths(self, folder: str = ".") -> Iterator[str]:
        """All files, links and submodules below a folder."""
        return self._listing.paths(folder)

    def entry(self, path: str) -> Entry | None:
        """What is at a path, without following a link."""
        return self._listing.get(path)

    def resolve(self, path: str) -> str:
        """The path with its links followed.

        Raises:
            UnreadableError: It leaves the tree, goes into a submodule, or goes round in circles.
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
                where = f"{links[-1]} is a link that leads" if links else f"{named} is"
                raise UnreadableError(f"{where} outside the repository")
            special = self._first_special(path) if self._may_link else None
            if special is None:
                return path, links
            link, entry = special
            if entry.mode == SUBMODULE:
                raise UnreadableError(f"{named} is in the submodule {link}, which is not read")
            links.append(link)
            target = posixpath.join(posixpath.dirname(link), self.content(link).decode("utf-8", "replace"))
            path = posixpath.normpath(posixpath.join(target, posixpath.relpath(path, link)))
        raise UnreadableError(f"{named} has circular links")

    def is_file(self, path: str) -> bool:
        entry = self._listing.get(path)
        return entry is not None and entry.mode not in (SUBMODULE, SYMLINK)

    def is_folder(self, path: str) -> bool:
        return self._listing.is_folder(path)

    def is_special(self, path: str) -> bool:
        """Whether there is a pipe, a socket or a device at a path: reading one may never end."""
        return self._listing.is_special(path)

    def oid(self, path: str) -> str:
        """The content's id.

        Raises:
            UnreadableError: A file of the working copy cannot be read.
            KeyError: There is no such file.
        """
        entry = self._listing.get(path)
        if entry is None:
            raise KeyError(path)
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
            raise _too_large(path, len(content))
        return content

    def text(self, path: str) -> str:
        """A file's text.

        Raises:
            UnreadableError: It is not UTF-8, or see `content`.
        """
        content = self.content(path)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            location = Location(path, content.count(b"\n", 0, error.start) + 1)
            raise UnreadableError(f"{path} is not UTF-8 at byte {error.start}", "LH105", location) from None
        if "\0" in text and is_utf_16(content):
            raise UnreadableError(f"{path} is not UTF-8, but UTF-16", "LH105", Location(path, 1))
        return text

    def changed(self, other: "Tree") -> list[str]:
        """The paths whose content, mode or existence differs, sorted."""
        differing = []
        for path in {*self.paths(), *other.paths()}:
            left, right = self.entry(path), other.entry(path)
            if left is None or right is None or left.mode != right.mode or self._differs(path, left, right, other):
                differing.append(path)
        return sorted(differing)

    def _differs(self, path: str, left: Entry, right: Entry, other: "Tree") -> bool:
        if left.oid and left.oid == right.oid:
            return False
        try:
            return self.oid(path) != other.oid(path)
        except UnreadableError:
            return True

    def _first_special(self, path: str) -> tuple[str, Entry] | None:
        """The first link or submodule on the way to a path, and what it is."""
        steps = path.split("/")
        for length in range(1, len(steps) + 1):
            step = "/".join(steps[:length])
            entry = self._listing.get(step)
            if entry is not None and entry.mode in (SYMLINK, SUBMODULE):
                return step, entry
        return None


def with_folders(paths: Iterable[str]) -> frozenset[str]:
    """Paths, and the folders that they are in.

    >>> sorted(with_folders(["apps/web/a.yaml"]))
    ['.', 'apps', 'apps/web', 'apps/web/a.yaml']
    """
    everything = set()
    for path in paths:
        while path and path not in everything:
            everything.add(path)
            path = path.rpartition("/")[0]
        everything.add(".")
    return frozenset(everything)


def git_tree(entries: Mapping[str, Entry], store: Store) -> Tree:
    """The tree of a commit, or of a working copy as git sees it: without what it ignores."""
    may_link = any(entry.mode in (SYMLINK, SUBMODULE) for entry in entries.values())
    return Tree(_Known(entries), store, may_link=may_link)


def working_copy(root: Path, paths: Sequence[str] | None = None) -> Tree:
    """The tree of a folder on the disk, whether or not git knows it; of it, only `paths` are listed."""
    return Tree(_OnDisk(root, paths), Store(root))


class _Known:
    """Files that are known by path."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self.get = entries.get

    @cached_property
    def _folders(self) -> set[str]:
        folders = {"."}
        for path in self._entries:
            folder = posixpath.dirname(path)
            while folder and folder not in folders:
                folders.add(folder)
                folder = posixpath.dirname(folder)
        return folders

    def is_folder(self, path: str) -> bool:
        return path in self._folders

    def is_special(self, path: str) -> bool:  # noqa: ARG002 - git keeps none
        return False

    def paths(self, folder: str) -> Iterator[str]:
        if folder == ".":
            return iter(self._entries)
        return (path for path in self._entries if path.startswith(f"{folder}/"))


class _OnDisk:
    """Files of a folder, looked up when asked for."""

    def __init__(self, root: Path, paths: Sequence[str] | None = None) -> None:
        self._root = root
        self._paths = paths
        self._looked_up: dict[str, Entry | None] = {}

    def get(self, path: str) -> Entry | None:
        if path not in self._looked_up:
            self._looked_up[path] = self._look_up(path)
        return self._looked_up[path]

    def _look_up(self, path: str) -> Entry | None:
        try:
            mode = os.lstat(f"{self._root}/{path}").st_mode  # a Path for each of many files is slow
        except (OSError, ValueError):
            return None  # a name that is too long or none at all, or a folder that may not be read
        if stat.S_ISLNK(mode):
            return Entry(SYMLINK, "")
        if stat.S_ISREG(mode):
            return Entry("100755" if mode & stat.S_IXUSR else "100644", "")
        return None

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(f"{self._root}/{path}")  # noqa: PTH112 - a Path for each of many folders is slow

    def is_special(self, path: str) -> bool:
        try:
            mode = (self._root / path).lstat().st_mode
        except OSError:
            return False
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))

    def paths(self, folder: str) -> Iterator[str]:
        if self._paths is not None:
            start = "" if folder == "." else f"{folder}/"
            yield from (path for path in self._paths if path.startswith(start) and self.get(path))
            return
        for parent, folders, names in os.walk(self._root / folder):
            folders[:] = [name for name in folders if name != ".git"]
            links = [name for name in folders if os.path.islink(os.path.join(parent, name))]  # noqa: PTH114, PTH118 - a path for each of many files is slow
            for name in (*names, *links):
                yield os.path.relpath(os.path.join(parent, name), self._root)  # noqa: PTH118 - likewise


def _too_large(path: str, size: int) -> UnreadableError:
    message = f"{path} has {size:,} bytes, more than the {MAX_BYTES:,} of any manifest"
    return UnreadableError(message, "LH106", Location(path, 1))
