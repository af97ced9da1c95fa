"""Renders one side of the comparison: every environment, and in it every Application, as deep as they lead."""

import json
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.applications import ApplicationSource, Deployer, Folders, deployers, normalised_url
from harness.manifests.inputs import Kustomizations, Trouble
from harness.manifests.kubernetes_yaml import YamlError, load, split
from harness.manifests.snapshot import Snapshot, UnreadableError
from harness.review import discover
from harness.review.build import Builder, Job, Rendering, Text, deployers_in
from harness.review.config import Config

_CHART: Final = "Chart.yaml"


@dataclass
class Application:
    """An Application of an environment, rendered; or a folder that none deploys.

    Attributes:
        name: Its name; the folder where no Application deploys it.
        path: Its first folder.
        argocd: Whether an Application deploys it.
        wave: Its sync wave.
        namespace: Where resources without a namespace go.
        cluster: What tells the destination.
        renderings: What it renders, one for each source.
        notes: What is not rendered, as sentences.
        extra: Its definition, where something of it is not rendered.
        watched: Folders of this repository that are not rendered: Helm charts.
        parent: The folder that holds its definition.
    """

    name: str
    path: str
    argocd: bool
    wave: int | None = None
    namespace: str = ""
    cluster: str = ""
    renderings: list[Rendering] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extra: str = ""
    watched: list[str] = field(default_factory=list)
    parent: str = ""

    @property
    def key(self) -> str:
        """A content key of all that it deploys."""
        parts = [rendering.key for rendering in self.renderings]
        return content_key(self.namespace, self.cluster, self.extra, *parts)

    @property
    def troubles(self) -> list[Trouble]:
        """Why it could not be rendered, or not all of it."""
        return [trouble for rendering in self.renderings for trouble in rendering.troubles]

    def texts(self) -> list[Text]:
        """Its resources."""
        return [text for rendering in self.renderings for text in rendering.texts()]


class Side:
    """One side of the comparison, rendered."""

    def __init__(
        self,
        snapshot: Snapshot,
        known: dict[str, dict[str, Any] | Trouble],
        config: Config,
        builder: Builder,
        remotes: Sequence[str],
    ) -> None:
        """Takes the snapshot.

        Args:
            snapshot: The files.
            known: What is known of kustomization files by content; shared by both sides.
            config: The repository's configuration.
            builder: Builds kustomizations.
            remotes: URLs that mean this repository.
        """
        self.snapshot = snapshot
        self.kustomizations = Kustomizations(snapshot, known)
        self.config = config
        self._builder = builder
        self._remotes = {normalised_url(url) for url in (*remotes, *config.repositories)}
        self._renderings: dict[str, Rendering] = {}
        self.environments: dict[str, list[Application]] = {}

    def render(self) -> None:
        """Renders everything.

        Raises:
            HarnessError: kustomize cannot be had, or the configuration is wrong.
        """
        roots = discover.roots(self.snapshot, self.kustomizations, self.config)
        sources = [_root_source(root) for root in roots]
        renderings = self._render_all(sources)
        self._own = self._own_urls(renderings)
        waiting: list[tuple[str, bool, Deployer, str]] = []
        for root, rendering in zip(roots, renderings, strict=True):
            found = self._deployers(rendering)
            waiting += [(root.environment, root.certain, item, root.folder) for item in found]
        deployed: list[tuple[str, Application, list[Rendering]]] = []
        seen: set[tuple[str, Deployer]] = set()
        while waiting:
            batch = []
            for environment, certain, deployer, parent in waiting:
                name = self._environment(environment, certain, deployer)
                if (name, deployer) not in seen:
                    seen.add((name, deployer))
                    batch.append((name, certain, deployer, parent))
            followed = [self._followed(deployer) for _, _, deployer, _ in batch]
            rendered = iter(self._render_all([source for sources, _, _ in followed for source in sources]))
            waiting = []
            for (name, certain, deployer, parent), (sources, notes, charts) in zip(batch, followed, strict=True):
                parts = [next(rendered) for _ in sources]
                application = _application(deployer, parts, notes)
                application.watched, application.parent = charts, parent
                deployed.append((name, application, parts))
                for part in parts:
                    waiting += [(name, certain, item, part.folder) for item in self._deployers(part)]
        claimed = {rendering.folder for _, _, parts in deployed for rendering in parts}
        for environment, application, _ in deployed:
            self._add(environment, application)
        for root, rendering in zip(roots, renderings, strict=True):
            if root.folder in claimed:
                if root.certain:
                    self.environments.setdefault(root.environment, [])
            else:
                self._add(root.environment, Application(root.folder, root.folder, False, renderings=[rendering]))

    def read_files(self) -> set[str]:
        """Every file that was read for some environment."""
        applications = [item for items in self.environments.values() for item in items]
        return {path for item in applications for rendering in item.renderings for path in rendering.files}

    def _add(self, environment: str, application: Application) -> None:
        there = self.environments.setdefault(environment, [])
        names = {item.name for item in there}
        if application.name in names:
            application.name = f"{application.name} ({application.cluster or application.path})"
        number = 2
        name = application.name
        while application.name in names:
            application.name, number = f"{name} {number}", number + 1
        there.append(application)

    def _environment(self, found_in: str, certain: bool, deployer: Deployer) -> str:
        """The environment of an Application: where it was found, else what its folder says."""
        if certain:
            return found_in
        return next((name for source in deployer.sources if (name := discover.marked(source.path))), found_in)

    def _own_urls(self, renderings: Iterable[Rendering]) -> set[str]:
        """The URLs that mean this repository; none when that cannot be told."""
        used = {
            normalised_url(source.repository)
            for rendering in renderings
            for deployer in self._deployers(rendering)
            for source in deployer.sources
            if source.repository and self._exists(source.path)
        }
        return self._remotes & used

    def _followed(self, deployer: Deployer) -> tuple[list[ApplicationSource], list[str], list[str]]:
        """The sources of an Application that are rendered, what is said of the others, and charts among them."""
        sources: list[ApplicationSource] = []
        charts: list[str] = []
        notes = [f"{deployer.name} {deployer.problem}"] if deployer.problem else []
        for source in deployer.sources:
            other = self._own and source.repository and normalised_url(source.repository) not in self._own
            if source.not_rendered:
                notes.append(f"{deployer.name}: {source.not_rendered}")
            elif other or (source.repository and not self._exists(source.path) and not self._is_own(source)):
                notes.append(f"{deployer.name} deploys {source.path} of another repository ({source.repository})")
            elif self.snapshot.entry(posixpath.join(source.path, _CHART)) is not None:
                notes.append(f"{deployer.name}: the Helm chart in {source.path} is not rendered")
                charts.append(source.path)
            else:
                sources.append(source)
        return sources, notes, charts

    def _is_own(self, source: ApplicationSource) -> bool:
        return bool(self._own) and normalised_url(source.repository) in self._own

    def _exists(self, path: str) -> bool:
        try:
            return self.snapshot.is_folder(self.snapshot.resolve(path))
        except UnreadableError:
            return False

    def _deployers(self, rendering: Rendering) -> list[Deployer]:
        if not rendering.deployers:
            return []
        repository = Folders(
            sorted(folder for folder in self.snapshot.folders if folder != "."),
            sorted(self.snapshot.paths()),
            self._documents,
        )
        return [item for resource in rendering.deployers for item in deployers(resource, repository)]

    def _documents(self, path: str) -> list[Any]:
        try:
            return load(self.snapshot.text(path))
        except (UnreadableError, YamlError):
            return []

    def _render_all(self, sources: Sequence[ApplicationSource]) -> list[Rendering]:
        """Renders sources: kustomizations together, folders of plain manifests here."""
        found: dict[int, Rendering] = {}
        jobs: list[tuple[int, Job]] = []
        for index, source in enumerate(sources):
            try:
                folder = self.snapshot.resolve(source.path)
            except UnreadableError as error:
                trouble = Trouble(str(error), source.path)
                found[index] = Rendering(content_key(str(error)), source.path, [trouble])
                continue
            if self.kustomizations.file(folder) is not None:
                jobs.append((index, Job(self.kustomizations.inputs(folder), source.edits)))
            else:
                found[index] = self._plain(folder, json.loads(source.directory), source.edits)
        built = self._builder.build(self.snapshot, [job for _, job in jobs])
        found |= {index: rendering for (index, _), rendering in zip(jobs, built, strict=True)}
        return [found[index] for index in range(len(sources))]

    def _plain(self, folder: str, options: dict[str, Any], edits: str) -> Rendering:
        """Reads a folder of plain manifests, as Argo CD's directory sources do."""
        if not self.snapshot.is_folder(folder):
            trouble = Trouble(f"{folder} is not there", folder)
            return Rendering(content_key(folder, "missing"), folder, [trouble])
        rendering = Rendering("", folder, partial=True)
        parts: list[str] = [edits]
        texts: list[Text] = []
        if options.get("jsonnet") or edits:
            what = (
                "Jsonnet is not evaluated"
                if options.get("jsonnet")
                else "options for a kustomization are not applied"
            )
            rendering.troubles.append(Trouble(f"{folder} is a folder of plain manifests, for which {what}", folder))
        files = []
        for path in discover.manifests(self.snapshot, folder, recurse=bool(options.get("recurse"))):
            relative = posixpath.relpath(path, folder)
            if _selected(relative, options):
                files.append(path)
        for path in files:
            try:
                resolved = self.snapshot.resolve(path)
                parts += [posixpath.relpath(path, folder), self.snapshot.oid(resolved)]
                text = self.snapshot.text(resolved)
                documents = load(text)
            except KeyError:
                rendering.troubles.append(Trouble(f"{path} is a link to nothing", path))
            except UnreadableError as error:
                rendering.troubles.append(Trouble(str(error), path))
            except YamlError as error:
                rendering.troubles.append(Trouble(f"{path} is not valid YAML ({error})", path, error.line))
            else:
                pieces = split(text)
                whole = [part for part in pieces if load_one(part) is not None]
                if len(whole) == len(documents):
                    texts += [Text(part, path) for part in whole]
                else:
                    texts.append(Text(text, path))
        rendering.key = content_key("plain", *parts)
        rendering.files = frozenset(files)
        rendering._texts = texts
        rendering.deployers = deployers_in(texts)
        return rendering


def load_one(text: str) -> Any | None:
    """The one document of a text, or None when it is not one."""
    try:
        documents = load(text)
    except YamlError:
        return None
    return documents[0] if len(documents) == 1 else None


def _selected(path: str, options: dict[str, Any]) -> bool:
    included = [str(options["include"])] if options.get("include") else []
    excluded = [str(options["exclude"])] if options.get("exclude") else []
    if included and not any(_glob(path, pattern) for pattern in included):
        return False
    return not any(_glob(path, pattern) for pattern in excluded)


def _glob(path: str, pattern: str) -> bool:
    """Argo CD's patterns: `{a,b}` is one or the other."""
    if pattern.startswith("{") and pattern.endswith("}"):
        return any(fnmatchcase(path, part) for part in pattern[1:-1].split(","))
    return fnmatchcase(path, pattern)


def _root_source(root: discover.Root) -> ApplicationSource:
    return ApplicationSource(root.folder, directory=json.dumps({"recurse": root.recurse}))


def _application(deployer: Deployer, parts: list[Rendering], notes: list[str]) -> Application:
    path = deployer.sources[0].path if deployer.sources else ""
    return Application(
        deployer.name,
        path,
        True,
        deployer.wave,
        deployer.namespace,
        deployer.cluster,
        parts,
        notes,
        deployer.definition if notes else "",
    )
