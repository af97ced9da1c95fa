"""What a kustomization reads, found in a tree without building it: the key of its content.

A build sees only the files that are found here (harness/manifests/builder.py), so nothing that the key does not
cover can get into its output.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from harness.machine.cache import content_key
from harness.manifests.helm.kustomize import inflated
from harness.manifests.helm.release import Release
from harness.manifests.kubernetes_yaml import Document, Step, YamlError, load, parse
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.upstream import Remote, is_remote, parse_remote
from harness.manifests.values import sequence

KUSTOMIZATION_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_AGGREGATE_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})
_PLUGINS: Final = ("generators", "transformers", "validators")
_PINNED: Final = re.compile(r"[?&](?:ref|version)=(?:v?\d+\.\d+[\w.+-]*|[0-9a-f]{40})(?:&|$)")

_LISTS_OF_BASES: Final = ("resources", "bases", "components")
_LISTS_OF_FILES: Final = ("crds", "configurations", "patchesStrategicMerge")
_LISTS_WITH_PATH: Final = ("patches", "patchesJson6902", "replacements")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")
_CHARTS: Final = ("helmCharts", "helmChartInflationGenerator", "generators")
_LISTS: Final = (*_LISTS_OF_BASES, *_LISTS_OF_FILES, *_PLUGINS, *_LISTS_WITH_PATH, *_GENERATORS)


@dataclass(frozen=True)
class RemoteReference:
    """A reference of a kustomization that leaves the tree."""

    url: str
    file: str
    field: tuple[Step, ...]

    def location(self, tree: Tree) -> Location:
        return Location(self.file, line_of(tree, self.file, self.field))

    @property
    def host(self) -> str:
        """The host that would be asked; empty where the reference is none that is ever fetched."""
        url = self.url.removeprefix("git::")
        try:
            parts = urlsplit(url if "://" in url else f"https://{url}")
            plain = parts.scheme == "https" and parts.username is None and parts.port in (None, 443)
        except ValueError:
            return ""
        return parts.hostname or "" if plain else ""

    def parsed(self) -> Remote | None:
        """The remote base; None for what is no folder of a GitHub repository at a release tag."""
        try:
            return parse_remote(self.url)
        except ValueError:
            return None


@dataclass
class Inputs:
    """What a root reads.

    Attributes:
        kustomizations: Its kustomization file and those that it includes, in the order in which they are read.
        files: The files, kustomizations included.
        manifests: Those of them that hold resources or patches, in the order in which they are named.
        links: The symbolic links on the way to them.
        remotes: References that leave the tree.
        problems: What keeps it from being built.
        edits: What an Application changes in it before it is built (fields of `spec.source.kustomize`).
        generated: The fields of its kustomization, if the tree has none.
        is_flux: Whether it is built as Flux does, which reads files from anywhere in the tree.
        after_build: What Flux changes in the resources, as tools/builder takes it.
        charts: What Helm renders for it, as tools/builder takes it.
        unrendered: What is missing in what Helm renders, as sentences, and why.
        searching: Those of the kustomizations that may depend on files that are not there.
    """

    folder: str
    kustomization: str
    kustomizations: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    manifests: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    remotes: list[RemoteReference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    edits: Mapping[str, Any] = field(default_factory=dict)
    generated: Mapping[str, Any] | None = None
    is_flux: bool = False
    after_build: Mapping[str, Any] = field(default_factory=dict)
    charts: list[dict[str, Any]] = field(default_factory=list)
    unrendered: dict[str, str] = field(default_factory=dict)
    searching: list[str] = field(default_factory=list)

    def may_differ(self, touched: Set[str]) -> bool:
        """Whether another tree may give other inputs: one that differs in some paths.

        `touched` are those paths, and the folders that they are in.
        """
        return bool(
            self.problems
            or self.charts
            or self.searching
            or self.generated is not None
            or "components" in self.edits
            or not touched.isdisjoint(self.files)
            or not touched.isdisjoint(self.links)
            or not touched.isdisjoint(map(_folder_of, self.kustomizations))
        )

    @property
    def pinned(self) -> bool:
        """Whether all its remote references always lead to the same content."""
        return all(_PINNED.search(remote.url) for remote in self.remotes)

    @property
    def remote_bases(self) -> list[Remote]:
        """The remote references that are folders of GitHub repositories at release tags."""
        return [base for remote in self.remotes if (base := remote.parsed())]

    def add(self, release: Release, tree: Tree, kustomization: str) -> None:
        """Adds a chart that a kustomization inflates."""
        if not release.problems:
            self.charts.append(release.request(tree) | {"kustomization": kustomization})
        self.files |= release.files
        self.links |= release.links
        self.manifests += [path for path in release.manifests if path not in self.manifests]
        self.problems += release.problems
        self.unrendered |= dict.fromkeys(release.notes, "")

    def unpinned(self, tree: Tree) -> list[Problem]:
        """The remote references that are no folder of a GitHub repository at a release tag."""
        problems = []
        for remote in self.remotes:
            try:
                parse_remote(remote.url)
            except ValueError as error:
                problems.append(Problem("LH107", f"{remote.url}: {error}.", remote.location(tree)))
        return problems

    def key(self, tree: Tree, *more: str) -> str:
        """A content key over all of it, and over `more`; paths count as they are seen from the folder."""
        changed = [dict(self.edits), self.generated, self.is_flux, dict(self.after_build), self.charts]
        parts = [*more, json.dumps(changed, sort_keys=True, default=str)]
        for path in sorted(self.files | self.links):
            try:
                oid = tree.oid(path)
            except UnreadableError as error:
                oid = str(error)
            parts += [_relative(path, self.folder), oid]
        return content_key(
            *parts,
            *sorted({remote.url for remote in self.remotes}),
            *(problem.message for problem in self.problems),
        )


@dataclass
class _Direct:
    file: str
    is_searching: bool = False
    files: set[str] = field(default_factory=set)
    manifests: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    folders: list[tuple[str, tuple[Step, ...]]] = field(default_factory=list)
    remotes: list[RemoteReference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def may_differ(self, folder: str, touched: Set[str]) -> bool:
        """See `Inputs`."""
        return bool(
            self.problems
            or self.is_searching
            or folder in touched
            or not touched.isdisjoint(self.files)
            or not touched.isdisjoint(self.links)
            or any(child in touched for child, _ in self.folders)
        )


_FIELDS: Final[dict[str, dict[str, Any]]] = {}
"""What the kustomization files that this process has read say, by content."""


class Kustomizations:
    """The kustomizations of a tree."""

    def __init__(
        self,
        tree: Tree,
        fields: dict[str, dict[str, Any]] | None = None,
        earlier: "Kustomizations | None" = None,
        touched: Set[str] = frozenset(),
    ) -> None:
        """`earlier` are those of another tree, which differs only in what is `touched` (see `Inputs`)."""
        self.tree: Final = tree
        self.touched: Final = touched
        self._known = _FIELDS if fields is None else fields
        self._earlier = earlier
        self._direct: dict[str, _Direct] = {}
        self._folders: dict[str, list[str]] = {}

    def file(self, folder: str) -> str | None:
        for name in KUSTOMIZATION_NAMES:
            path = name if folder == "." else f"{folder}/{name}"
            if self.tree.entry(path) is not None:
                return path
        return None

    def folders(self, below: str = ".") -> list[str]:
        if below not in self._folders:
            self._folders[below] = sorted(
                _folder_of(path)
                for path in self.tree.paths(below)
                if path.endswith(KUSTOMIZATION_NAMES)
                and posixpath.basename(path) in KUSTOMIZATION_NAMES
                and self.tree.entry(path) is not None  # a pipe or a device is no file
            )
        return self._folders[below]

    def fields(self, folder: str) -> dict[str, Any]:
        """The fields of a folder's kustomization; none when it cannot be read."""
        file = self.file(folder)
        fields = self._fields(file) if file else {}
        return fields if isinstance(fields, dict) else {}

    def parts(self, folder: str) -> list[str] | None:
        """The folders that a kustomization lists, if that is all it does."""
        fields = self.fields(folder)
        resources = fields.get("resources")
        if not set(fields) <= _AGGREGATE_FIELDS or fields.get("kind", "Kustomization") != "Kustomization":
            return None
        if not isinstance(resources, list) or not resources:
            return None
        direct = self._refer(folder)
        alone = len(direct.files) == 1 and not direct.problems and not direct.remotes
        return [child for child, _ in direct.folders] if alone and len(direct.folders) == len(resources) else None

    def referenced(self, folder: str) -> list[str]:
        return [child for child, _ in self._refer(folder).folders]

    def hosts(self) -> set[str]:
        """The hosts that the kustomizations refer to."""
        return {remote.host for folder in self.folders() for remote in self._refer(folder).remotes} - {""}

    def inputs_of(self, folder: str) -> set[str]:
        """The files that a kustomization itself names, its own included."""
        return self._refer(folder).files

    def inputs(
        self, folder: str, edits: Mapping[str, Any] | None = None, generated: Mapping[str, Any] | None = None
    ) -> Inputs:
        """What a root reads, with what an Application changes in it.

        Args:
            folder: The root.
            edits: Fields of `spec.source.kustomize`.
            generated: The fields of the kustomization, where the folder has none.
        """
        edits = dict(edits or {})
        if edits.get("ignoreMissingComponents"):
            named = [
                (name, posixpath.normpath(posixpath.join(folder, str(name))))
                for name in sequence(edits.get("components"))
            ]
            edits["components"] = [name for name, path in named if self.tree.is_folder(path)]
        file = self.file(folder) or posixpath.normpath(posixpath.join(folder, KUSTOMIZATION_NAMES[0]))
        inputs = Inputs(folder, file, edits=edits, generated=generated)
        if generated is None:
            self._collect(folder, inputs, (), set())
        else:
            direct = _Direct(folder)
            self._add_all(direct, folder, generated)
            self._take(direct, folder, inputs, (), {folder})
        added = _Direct(inputs.kustomization)
        for index, component in enumerate(sequence(inputs.edits.get("components"))):
            self._add(added, folder, str(component), ("components", index), "base")
        inputs.links |= added.links
        inputs.remotes += added.remotes
        inputs.problems += added.problems
        for component_folder, _ in added.folders:
            self._collect(component_folder, inputs, (folder,), {folder})
        self._add_charts(inputs)
        return inputs

    def _add_charts(self, inputs: Inputs) -> None:
        if not inputs.searching:
            return
        namespace = str(inputs.edits.get("namespace") or self.fields(inputs.folder).get("namespace") or "")
        for file in inputs.searching:
            fields = self._fields(file) if self.tree.entry(file) else {}
            for release in inflated(self.tree, fields, file, namespace) if isinstance(fields, dict) else ():
                edited = inputs.edits and file == inputs.kustomization
                inputs.add(release, self.tree, file if edited else self.tree.resolve(file))

    def _collect(self, folder: str, inputs: Inputs, above: tuple[str, ...], seen: set[str]) -> None:
        if folder not in seen:
            seen.add(folder)
            self._take(self._refer(folder), folder, inputs, above, seen)

    def _take(self, direct: _Direct, folder: str, inputs: Inputs, above: tuple[str, ...], seen: set[str]) -> None:
        inputs.kustomizations.append(direct.file)
        if direct.is_searching:
            inputs.searching.append(direct.file)
        inputs.files |= direct.files
        inputs.manifests += [path for path in direct.manifests if path not in inputs.manifests]
        inputs.links |= direct.links
        inputs.remotes += direct.remotes
        inputs.problems += direct.problems
        above = (*above, folder)
        for child, where in direct.folders:
            if child in above:
                ring = " → ".join((*above[above.index(child) :], child))
                message = f"The kustomizations include each other: {ring}."
                inputs.problems.append(Problem("LH102", message, self._location(direct.file, where)))
            else:
                self._collect(child, inputs, above, seen)

    def _refer(self, folder: str) -> _Direct:
        if folder not in self._direct:
            known = self._earlier._direct.get(folder) if self._earlier else None
            is_same = known is not None and not known.may_differ(folder, self.touched)
            self._direct[folder] = known if known and is_same else self._read(folder)
        return self._direct[folder]

    def _read(self, folder: str) -> _Direct:
        file = self.file(folder)
        if file is None:
            message = f"{folder} has no kustomization.yaml."
            return _Direct(folder, problems=[Problem("LH103", message, Location(folder))])
        direct = _Direct(file)
        try:
            resolved, links = self.tree.follow(file)
        except UnreadableError as error:
            direct.problems.append(error.problem(Location(file)))
            return direct
        direct.files.add(resolved)
        direct.links |= set(links)
        fields = self._fields(file)
        if isinstance(fields, Problem):
            direct.problems.append(fields)
            return direct
        self._add_all(direct, folder, fields)
        return direct

    def _add_all(self, direct: _Direct, folder: str, fields: Mapping[str, Any]) -> None:
        file = direct.file
        direct.is_searching = any(fields.get(name) for name in (*_PLUGINS, *_CHARTS))
        for name in _LISTS:
            if fields.get(name) is not None and not isinstance(fields[name], list):
                message = f"{file} has a '{name}' that is not a list."
                direct.problems.append(Problem("LH101", message, self._location(file, (name,))))
        for reference, where, what in references(fields):
            self._add(direct, folder, reference, where, what)
            if where[0] in _PLUGINS:
                self._add_named(direct, folder, reference)

    def _add_named(self, direct: _Direct, folder: str, reference: str) -> None:
        """Adds the files that the configuration of a generator or transformer names."""
        try:
            documents = load(self.tree.text(self.tree.resolve(posixpath.join(folder, reference))))
        except (UnreadableError, YamlError, KeyError):
            return  # a folder, or what kustomize itself will name
        for name in _named_files(documents):
            try:
                path, links = self.tree.follow(posixpath.join(folder, name))
            except UnreadableError:
                continue
            if self.tree.is_file(path):
                direct.files.add(path)
                direct.links |= set(links)

    def _add(self, direct: _Direct, folder: str, reference: str, where: tuple[Step, ...], what: str) -> None:
        if is_remote(reference):
            direct.remotes.append(RemoteReference(reference, direct.file, where))
            return
        named = posixpath.join(folder, reference)
        shown = reference
        if where[0] == "secretGenerator" or (where[0] in _GENERATORS and "=" in reference):
            shown = f"A file of this {where[0]}"  # a value may stand in the place of a file's name
        try:
            path, links = self.tree.follow(named)
        except UnreadableError as error:
            problem = error.problem(self._location(direct.file, where))
            said = problem.message if shown == reference else problem.message.replace(named, shown)
            direct.problems.append(replace(problem, message=said))
            return
        direct.links |= set(links)
        if self.tree.is_file(path):
            direct.files.add(path)
            if what not in ("data", "variables"):
                direct.manifests.append(path)
            try:
                self.tree.oid(path)
                if what == "variables":
                    self.tree.text(path)
            except UnreadableError as error:
                direct.problems.append(error.problem(Location(path)))
        elif self.tree.is_special(path):
            direct.problems.append(no_file(path))
        elif what == "base" and self.tree.is_folder(path):
            names = [posixpath.normpath(posixpath.join(path, name)) for name in KUSTOMIZATION_NAMES]
            special = next(filter(self.tree.is_special, names), None) if self.file(path) is None else None
            if special is not None:
                direct.problems.append(no_file(special))
            elif self.file(path) is None:
                message = f"{reference} is a folder without a kustomization.yaml, but it is referenced here."
                direct.problems.append(Problem("LH103", message, self._location(direct.file, where)))
            else:
                direct.folders.append((path, where))
        else:
            state = "is a folder" if self.tree.is_folder(path) else "does not exist"
            message = f"{shown} {state}, but it is referenced here."
            direct.problems.append(Problem("LH103", message, self._location(direct.file, where)))

    def _fields(self, file: str) -> dict[str, Any] | Problem:
        try:
            resolved = self.tree.resolve(file)
            oid = self.tree.oid(resolved)
            if oid not in self._known:
                fields = _parse(self.tree.text(resolved), file)
                if isinstance(fields, Problem):
                    return fields
                self._known[oid] = fields
        except KeyError:
            return Problem("LH103", f"{file} is a broken link.", Location(file))
        except UnreadableError as error:
            return error.problem(Location(file))
        return self._known[oid]

    def _location(self, file: str, where: tuple[Step, ...]) -> Location:
        return Location(file, line_of(self.tree, file, where))


def no_file(path: str) -> Problem:
    """The problem of a manifest that is a pipe, a socket or a device."""
    return Problem("LH104", f"{path} is not a file, so it is not read: put a file in its place.", Location(path, 1))


def chart_inputs(tree: Tree, release: Release) -> Inputs:
    """What a release reads that is built by itself."""
    request = release.request(tree)
    return Inputs(
        release.folder,
        release.description,
        files=release.files,
        manifests=release.manifests,
        links=release.links,
        problems=release.problems,
        after_build=release.after_build,
        charts=[request],
        unrendered=dict.fromkeys(release.notes, ""),
    )


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _relative(path: str, folder: str) -> str:
    """What posixpath.relpath says of paths that are normal and relative, in a fraction of its time."""
    if path.startswith(f"{folder}/"):
        return path[len(folder) + 1 :]
    steps, above = path.split("/"), folder.split("/") if folder != "." else []
    shared = 0
    while shared < len(above) and shared < len(steps) and steps[shared] == above[shared]:
        shared += 1
    return "/".join([*[".."] * (len(above) - shared), *steps[shared:]])


def document_of(tree: Tree, file: str) -> Document | None:
    """The one document of a file, with positions; None when it cannot be read."""
    try:
        documents = parse(tree.text(tree.resolve(file)))
    except (UnreadableError, YamlError, KeyError):
        return None
    return documents[0] if len(documents) == 1 else None


def line_of(tree: Tree, file: str, where: tuple[Step, ...]) -> int:
    document = document_of(tree, file)
    return document.locate(where)[0] if document else 1


def references(fields: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Step, ...], str]]:
    """Everything that a kustomization's fields refer to.

    Yields:
        (reference, path of the field, what it must be: base, manifest, variables or data).
    """

    def items(name: str) -> Iterator[tuple[tuple[Step, ...], Any]]:
        value = fields.get(name)
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield (name, index), item

    for name in _LISTS_OF_BASES:
        for where, item in items(name):
            yield str(item), where, "base"
    for name in _LISTS_OF_FILES:
        for where, item in items(name):
            if isinstance(item, str) and "\n" not in item:
                yield item, where, "manifest"
    for name in _PLUGINS:
        for where, item in items(name):
            if isinstance(item, str) and "\n" not in item:
                yield item, where, "base"
    for name in _LISTS_WITH_PATH:
        for where, item in items(name):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield item["path"], where, "manifest"
    for name in _GENERATORS:
        for where, item in items(name):
            if isinstance(item, dict):
                for file in item.get("files") or []:
                    yield str(file).partition("=")[2] or str(file), where, "data"
                for file in [*(item.get("envs") or []), *([item["env"]] if "env" in item else [])]:
                    yield str(file), where, "variables"
    openapi = fields.get("openapi")
    if isinstance(openapi, dict) and isinstance(openapi.get("path"), str):
        yield openapi["path"], ("openapi", "path"), "data"


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


def _parse(text: str, file: str) -> dict[str, Any] | Problem:
    try:
        documents = parse(text)  # whoever looks for the line of a field needs it as well
    except YamlError as error:
        return Problem("LH104", f"{file} is not valid YAML: {error}.", Location(file, error.line))
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        return Problem("LH101", f"{file} is not one kustomization.", Location(file, 1))
    return documents[0].value
