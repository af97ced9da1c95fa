"""Reads a git repository: refs, trees, blobs and what is not committed yet. Nothing in it is written."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from harness.errors import HarnessError, UsageError

SYMLINK: Final = "120000"
SUBMODULE: Final = "160000"
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
_FETCH_HINT: Final = (
    "run 'git fetch --unshallow origin' (or in CI check out the whole history, as in fetch-depth: 0), then again"
)


@dataclass(frozen=True)
class Entry:
    """A file of a tree.

    Attributes:
        mode: Git's mode: 100644, 100755, 120000 (symbolic link), 160000 (submodule).
        oid: Object id; empty for a file that is read from the working tree.
    """

    mode: str
    oid: str


class Repository:
    """A repository, open for reading; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Opens the repository that `folder` is in.

        Raises:
            HarnessError: There is no git, or `folder` is in no repository.
        """
        folder = folder.absolute()
        self._folder = folder
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder: name a checkout with -C.")
        # A bare repository answers the first two, and refuses the third.
        questions = ("--is-bare-repository", "--absolute-git-dir", "--show-toplevel")
        answers = self._asked("rev-parse", *questions).stdout.splitlines()
        self.bare: Final = answers[:1] == ["true"]
        if len(answers) < (2 if self.bare else 3):
            raise UsageError(
                f"{folder} is not in a git repository: run the command in a checkout, or name one with -C."
            )
        self.root: Final = Path(answers[1 if self.bare else 2])
        self._folder = self.root
        self._objects: subprocess.Popen[bytes] | None = None
        self._trees: dict[str, dict[str, Entry]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._objects is not None:
            assert self._objects.stdin is not None  # noqa: S101 - opened as a pipe below
            assert self._objects.stdout is not None  # noqa: S101 - likewise
            self._objects.stdin.close()
            self._objects.stdout.close()
            self._objects.wait()
            self._objects = None

    @property
    def name(self) -> str:
        return self.root.stem if self.bare else self.root.name

    @property
    def shallow(self) -> bool:
        return self._git("rev-parse", "--is-shallow-repository").strip() == "true"

    def remotes(self) -> list[str]:
        urls = self._try("config", "--get-regexp", r"^remote\..*\.url$") or ""
        return [line.partition(" ")[2] for line in urls.splitlines()]

    def commit(self, ref: str) -> str:
        """Raises HarnessError if there is no such commit here."""
        oid = self._resolved(ref)
        if oid is None:
            if self.shallow:
                raise UsageError(f"This clone is shallow and has no commit {ref!r}: {_FETCH_HINT}.")
            raise UsageError(
                f"There is no commit {ref!r} in {self.root}: see 'git branch --all', or run 'git fetch' first."
            )
        return oid

    def merge_base(self, base: str, head: str) -> str:
        """Raises HarnessError if the two commits have no common ancestor."""
        ancestor = base if base == head else self._try("merge-base", base, head)
        if ancestor is None:
            if self.shallow:
                raise UsageError(
                    f"This clone is shallow and does not reach back to the merge base of {base[:10]} and "
                    f"{head[:10]}: {_FETCH_HINT}."
                )
            raise UsageError(
                f"{base[:10]} and {head[:10]} have no common ancestor: compare the two trees with --direct."
            )
        return ancestor.split()[0]

    def tree(self, commit: str) -> dict[str, Entry]:
        if commit not in self._trees:
            entries: dict[str, Entry] = {}
            for line in self._git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0"):
                about, tab, path = line.partition("\t")
                if tab:
                    mode, _, oid = about.split(" ")
                    entries[path] = Entry(mode, oid)
            self._trees[commit] = entries
        return dict(self._trees[commit])

    def files(self, folder: Path) -> list[str]:
        """The files of the working tree below a folder, relative to it: untracked ones too, ignored ones not."""
        arguments = ("-z", "--cached", "--others", "--exclude-standard", "--", str(folder))
        listed = self._git("ls-files", *arguments, settings=self._without_programs())
        above = os.path.relpath(folder, self.root)
        start = "" if above == os.curdir else f"{above}/"
        return list(dict.fromkeys(path.removeprefix(start) for path in listed.split("\0") if path))

    def working_tree(self) -> dict[str, Entry]:
        """The files of the working tree by their path: uncommitted and untracked ones too, ignored ones not.

        Raises:
            HarnessError: The repository is bare.
        """
        if self.bare:
            raise UsageError(f"{self.root} is a bare repository without a working tree: name HEAD as well.")
        commit = self._resolved("HEAD")
        entries = self.tree(commit) if commit else {}
        arguments = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
        status = self._git("status", *arguments, settings=self._without_programs())
        for line in status.split("\0"):
            if line.startswith("? "):
                path = line[2:]
                if path.endswith("/"):  # another repository inside this one
                    entries[path.rstrip("/")] = Entry(SUBMODULE, "")
                    continue
            elif line.startswith("1 "):
                path = line.split(" ", 8)[8]
                if entries.get(path, Entry("", "")).mode == SUBMODULE:
                    continue
            elif line.startswith("u "):
                path = line.split(" ", 10)[10]
            else:
                continue
            place = self.root / path
            if place.is_symlink():
                entries[path] = Entry(SYMLINK, "")
            elif place.is_file():
                entries[path] = Entry("100755" if os.access(place, os.X_OK) else "100644", "")
            else:
                entries.pop(path, None)
        return entries

    def blob(self, oid: str) -> bytes:
        """The content of a blob.

        Raises:
            HarnessError: The repository lacks it, as a partial clone without its remote does.
        """
        header, content = self._object(oid)
        if len(header) != 3:
            raise HarnessError(f"Object {oid[:10]} is missing in {self.root}: run 'git fetch' and 'git fsck'.")
        return content

    def _resolved(self, ref: str) -> str | None:
        """The commit that a ref names; None where there is none."""
        if not ref or ref.startswith("-") or "\n" in ref:
            return None
        header, _ = self._object(f"{ref}^{{commit}}")
        return header[0].decode() if len(header) == 3 and header[1] == b"commit" else None

    def _object(self, name: str) -> tuple[list[bytes], bytes]:
        """What git says of an object, and its content."""
        if self._objects is None:
            self._objects = subprocess.Popen(
                ["git", "cat-file", "--batch"],
                cwd=self.root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        source, answers = self._objects.stdin, self._objects.stdout
        assert source is not None  # noqa: S101 - opened as a pipe above
        assert answers is not None  # noqa: S101 - likewise
        source.write(name.encode("utf-8", "surrogateescape") + b"\n")
        source.flush()
        header = answers.readline().split()
        if len(header) != 3 or not header[2].isdigit():
            return [], b""
        content = answers.read(int(header[2]))
        answers.read(1)
        return header, content

    def _without_programs(self) -> dict[str, str]:
        """The settings with which git runs no filter that attributes ask for, and no monitor of files."""
        names = self._try("config", "-z", "--name-only", "--get-regexp", r"^filter\.") or ""
        filters = {name.rpartition(".")[0] for name in names.split("\0") if name}
        off = {"clean": "", "process": "", "required": "false"}
        settings = {f"{name}.{key}": value for name in filters for key, value in off.items()}
        return {"core.fsmonitor": "false", **settings}

    def _git(self, *arguments: str, settings: Mapping[str, str] = _NO_SETTINGS) -> str:
        done = self._run(*arguments, settings=settings)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise HarnessError(
                f"git {arguments[0]} failed in {self._folder}: {said[-1] if said else 'no message'}."
            )
        return done.stdout

    def _try(self, *arguments: str) -> str | None:
        done = self._asked(*arguments)
        return done.stdout if done.returncode == 0 else None

    def _asked(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        done = self._run(*arguments)
        if "dubious ownership" in done.stderr:
            raise UsageError(
                f"{self._folder} belongs to another user, so git does not read it: "
                f"run 'git config --global --add safe.directory {self._folder}'."
            )
        return done

    def _run(
        self, *arguments: str, settings: Mapping[str, str] = _NO_SETTINGS
    ) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                ["git", "--no-optional-locks", "-c", "core.quotePath=false", *arguments],
                cwd=self._folder,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                check=False,
                stdin=subprocess.DEVNULL,
                env=_environment(settings),
            )
        except FileNotFoundError:
            raise HarnessError("git is not installed: install it, then run it again.") from None


def _environment(settings: Mapping[str, str] = _NO_SETTINGS) -> dict[str, str]:
    """The process's own, without what a git hook sets: that would lead to another repository or index.

    `settings` are of git's configuration.
    """
    hooked = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
    kept = {key: value for key, value in os.environ.items() if key not in hooked}
    start = int(kept.get("GIT_CONFIG_COUNT") or 0)
    for index, (name, value) in enumerate(settings.items(), start):
        kept |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    count = str(start + len(settings))
    return kept | {"GIT_CONFIG_COUNT": count, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
