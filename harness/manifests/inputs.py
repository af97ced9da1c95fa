"""What a kustomization reads, found in a snapshot without building it: the key of its content.

A build sees only the files that are found here (harness/review/build.py), so nothing that the key does not cover
can get into its output.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.snapshot import Snapshot, UnreadableError
from harness.manifests.tree import KUSTOMIZATION_NAMES, references
from harness.manifests.upstream import is_remote

_AGGREGATE_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})
_PLUGINS: Final = ("generators", "transformers", "validators")
_PINNED: Final = re.compile(r"[?&](?:ref|version)=(?:v?\d+\.\d+[\w.+-]*|[0-9a-f]{40})(?:&|$)")


@dataclass(frozen=True)
class Trouble:
    """What keeps a kustomization from being built.

    Attributes:
        sentence: Why, without a full stop.
        file: The file to look into.
        line: 1-based, where known.
    """

    sentence: str
    file: str
    line: int | None = None


@dataclass
class Inputs:
    """What a kustomization reads.

    Attributes:
        folder: Its folder.
        kustomization: Its kustomization file.
        files: The files, kustomizations included.
        links: The symbolic links on the way to them.
        remotes: References that leave the repository.
        troubles: What keeps it from being built.
        charts: Whether it inflates a Helm chart.
    """

    folder: str
    kustomization: str
    files: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    remotes: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    charts: bool = False

    @property
    def pinned(self) -> bool:
        """Whether all its remote references always lead to the same content."""
        return all(_PINNED.search(remote) for remote in self.remotes)

    def key(self, snapshot: Snapshot, *more: str) -> str:
        """A content key over all of it, and over `more`; paths count as they are seen from the folder."""
        parts = [*more]
        for path in sorted(self.files | self.links):
            try:
                oid = snapshot.oid(path)
            except UnreadableError as error:
                oid = str(error)
            parts += [posixpath.relpath(path, self.folder), oid]
        return content_key(*parts, *sorted(self.remotes), *(trouble.sentence for trouble in self.troubles))


@dataclass
class _Direct:
    """What one kustomization file refers to."""

    file: str
    files: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    folders: list[str] = field(default_factory=list)
    remotes: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    charts: bool = False


class Kustomizations:
    """The kustomizations of a snapshot."""

    def __init__(self, snapshot: Snapshot, fields: dict[str, dict[str, Any] | Trouble]) -> None:
        """Takes the snapshot, and what is known of kustomization files by content, which both sides share."""
        self._snapshot = snapshot
        self._known = fields
        self._direct: dict[str, _Direct] = {}

    def file(self, folder: str) -> str | None:
        """The kustomization file of a folder, or None."""
        for name in KUSTOMIZATION_NAMES:
            path = posixpath.normpath(posixpath.join(folder, name))
            if self._snapshot.entry(path) is not None:
                return path
        return None

    def folders(self) -> list[str]:
        """Every folder with a kustomization file, sorted."""
        return sorted(
            posixpath.dirname(path) or "."
            for path in self._snapshot.paths()
            if posixpath.basename(path) in KUSTOMIZATION_NAMES
        )

    def fields(self, folder: str) -> dict[str, Any]:
        """The fields of a folder's kustomization; none when it cannot be read."""
        file = self.file(folder)
        found = self._fields(file) if file else {}
        return found if isinstance(found, dict) else {}

    def parts(self, folder: str) -> list[str] | None:
        """The folders that a kustomization lists, if that is all it does."""
        fields = self.fields(folder)
        resources = fields.get("resources")
        if not set(fields) <= _AGGREGATE_FIELDS or fields.get("kind", "Kustomization") != "Kustomization":
            return None
        if not isinstance(resources, list) or not resources:
            return None
        direct = self._refer(folder)
        alone = direct.files == {direct.file} and not direct.troubles and not direct.remotes
        return direct.folders if alone and len(direct.folders) == len(resources) else None

    def referenced(self, folder: str) -> list[str]:
        """The folders that a kustomization refers to."""
        return self._refer(folder).folders

    def inputs_of(self, folder: str) -> set[str]:
        """The files that a kustomization itself names, its own included."""
        return self._refer(folder).files

    def inputs(self, folder: str) -> Inputs:
        """What the kustomization of a folder reads."""
        found = Inputs(folder, self.file(folder) or folder)
        self._collect(folder, found, (), set())
        return found

    def _collect(self, folder: str, found: Inputs, above: tuple[str, ...], seen: set[str]) -> None:
        if folder in above:
            ring = " → ".join((*above[above.index(folder) :], folder))
            file = self.file(above[-1]) or above[-1]
            found.troubles.append(Trouble(f"the kustomizations include each other: {ring}", file))
            return
        if folder in seen:
            return
        seen.add(folder)
        direct = self._refer(folder)
        found.files |= direct.files
        found.links |= direct.links
        found.remotes += [remote for remote in direct.remotes if remote not in found.remotes]
        found.troubles += direct.troubles
        found.charts = found.charts or direct.charts
        for child in direct.folders:
            self._collect(child, found, (*above, folder), seen)

    def _refer(self, folder: str) -> _Direct:
        if folder not in self._direct:
            self._direct[folder] = self._read(folder)
        return self._direct[folder]

    def _read(self, folder: str) -> _Direct:
        file = self.file(folder)
        if file is None:
            return _Direct(folder, troubles=[Trouble(f"{folder} has no kustomization.yaml", folder)])
        direct = _Direct(file)
        try:
            resolved, links = self._snapshot.follow(file)
        except UnreadableError as error:
            direct.troubles.append(Trouble(str(error), file))
            return direct
        direct.files.add(resolved)
        direct.links |= set(links)
        fields = self._fields(file)
        if isinstance(fields, Trouble):
            direct.troubles.append(fields)
            return direct
        direct.charts = any(fields.get(name) for name in ("helmCharts", "helmChartInflationGenerator"))
        for reference, where, what in references(fields):
            self._add(direct, folder, reference, what)
            if where[0] in _PLUGINS:
                self._add_named(direct, folder, reference)
        return direct

    def _add_named(self, direct: _Direct, folder: str, reference: str) -> None:
        """Adds the files that the configuration of a generator or transformer names."""
        try:
            documents = load(self._snapshot.text(self._snapshot.resolve(posixpath.join(folder, reference))))
        except (UnreadableError, YamlError, KeyError):
            return  # a folder, or what kustomize itself will name
        for name in _named_files(documents):
            try:
                path, links = self._snapshot.follow(posixpath.join(folder, name))
            except UnreadableError:
                continue
            if self._snapshot.is_file(path):
                direct.files.add(path)
                direct.links |= set(links)

    def _add(self, direct: _Direct, folder: str, reference: str, what: str) -> None:
        if is_remote(reference):
            direct.remotes.append(reference)
            return
        try:
            path, links = self._snapshot.follow(posixpath.join(folder, reference))
        except UnreadableError as error:
            direct.troubles.append(Trouble(str(error), direct.file))
            return
        direct.links |= set(links)
        if self._snapshot.is_file(path):
            direct.files.add(path)
            try:
                self._snapshot.oid(path)
            except UnreadableError as error:
                direct.troubles.append(Trouble(str(error), direct.file))
        elif what == "base" and self._snapshot.is_folder(path):
            direct.folders.append(path)
        else:
            kind = "a folder" if self._snapshot.is_folder(path) else "not there"
            direct.troubles.append(Trouble(f"{direct.file} names {reference}, which is {kind}", direct.file))

    def _fields(self, file: str) -> dict[str, Any] | Trouble:
        try:
            resolved = self._snapshot.resolve(file)
            oid = self._snapshot.oid(resolved)
            if oid not in self._known:
                self._known[oid] = _parse(self._snapshot.text(resolved), file)
        except KeyError:
            return Trouble(f"{file} is a link to nothing", file)
        except UnreadableError as error:
            return Trouble(str(error), file)
        return self._known[oid]


def _named_files(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("path", "env") and isinstance(item, str):
                yield item
            elif key in ("files", "envs", "paths", "fieldSpecs", "patches") and isinstance(item, list):
                for name in item:
                    if isinstance(name, str):
                        yield name.partition("=")[2] or name
                yield from _named_files(item)
            else:
                yield from _named_files(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named_files(item)


def _parse(text: str, file: str) -> dict[str, Any] | Trouble:
    try:
        documents = load(text)
    except YamlError as error:
        return Trouble(f"{file} is not valid YAML ({error})", file, error.line)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        return Trouble(f"{file} is not one kustomization", file, 1)
    return documents[0]
