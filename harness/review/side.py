"""Builds one side of the comparison: every environment, and its Applications at every depth."""

import itertools
import json
import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests import discover
from harness.manifests.applications import argocd, flux, helm_releases
from harness.manifests.applications.deployer import ApplicationSource, Deployer, Reference
from harness.manifests.applications.deployers import KINDS, deployers
from harness.manifests.applications.directories import JSONNET, SKIPPED, selected_files
from harness.manifests.applications.flux_folders import generated_kustomization
from harness.manifests.applications.generators import Repository
from harness.manifests.applications.policies import UNKNOWN, Policy
from harness.manifests.applications.urls import normalised_url
from harness.manifests.build import Build, Root, plain_manifests
from harness.manifests.builder import Builder
from harness.manifests.helm.chart import is_chart
from harness.manifests.helm.flux import FluxChart
from harness.manifests.helm.release import Release
from harness.manifests.inputs import Inputs, Kustomizations, chart_inputs
from harness.manifests.kubernetes_yaml import YamlError
from harness.manifests.problem import Location, Problem
from harness.manifests.resource import Resource
from harness.manifests.settings import Settings
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import canonical, dig, mapping
from harness.review.known_resources import REPOSITORY, KnownResources

_DEEPEST: Final = 10
"""Applications on the way to one; those that deploy a changed copy of themselves have no end."""
_MOST_DEPLOYERS: Final = 5_000
_ANY: Final = ""
"""Stands for every environment."""
_ENDLESS: Final = "is not followed, because Applications deploy each other without an end"


@dataclass
class Application:
    """An Application of an environment, built; or a folder that none deploys.

    Attributes:
        name: Its name; the folder where no Application deploys it.
        path: Its first folder.
        argocd: Whether an Application deploys it.
        builds: What it deploys, one for each Application source.
        notes: What is not built, as sentences.
        causes: Of those notes that many Applications may have.
        extra: Its definition, where something of it is not built, or where an ApplicationSet makes it.
        remarks: What a reader should know, as sentences; they do not make it uncovered.
        parent: The folder that holds its definition.
        repeated: Files and names of resources that another Application, of a folder below, has as well.
        policy: What it deletes.
        definition: Its spec.
        part_of: The kustomization that lists it, or its own folder; empty for an Application.
    """

    name: str
    path: str
    argocd: bool
    wave: int | None = None
    namespace: str = ""
    cluster: str = ""
    builds: list[Build] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    extra: str = ""
    parent: str = ""
    repeated: set[tuple[str, str]] = field(default_factory=set)
    policy: Policy = UNKNOWN
    definition: dict[str, Any] = field(default_factory=dict)
    part_of: str = ""

    @property
    def key(self) -> str:
        repeated = [" ".join(item) for item in sorted(self.repeated)]
        keys = [build.key for build in self.builds]
        return content_key(self.namespace, self.cluster, self.extra, *repeated, *keys)

    @property
    def generated(self) -> Resource | None:
        """Its definition, where an ApplicationSet makes it, so that it is in no build."""
        if not self.policy.generator:
            return None
        kind = {"apiVersion": f"{argocd.GROUP}/v1alpha1", "kind": "Application"}
        return Resource.of({**kind, "metadata": {"name": self.name}, "spec": self.definition})

    @property
    def problems(self) -> list[Problem]:
        """Why it was not built completely."""
        return [problem for build in self.builds for problem in build.problems]

    def resources(self) -> list[Resource]:
        built = [item for build in self.builds for item in build.resources]
        return [item for item in built if (item.origin, str(item)) not in self.repeated] if self.repeated else built


@dataclass(frozen=True)
class _Waiting:
    """What deploys a folder, in the order in which it is come across."""

    environment: str
    certain: bool
    deployer: Deployer
    parent: str
    depth: int


@dataclass(frozen=True)
class _Deployed:
    environment: str
    application: Application
    item: _Waiting


class Side:
    """One built side of the comparison."""

    def __init__(
        self,
        tree: Tree,
        known: dict[str, dict[str, Any]],
        settings: Settings,
        builder: Builder,
        remotes: Sequence[str],
    ) -> None:
        self.tree = tree
        self.kustomizations = Kustomizations(tree, known)
        self.settings = settings
        self._builder = builder
        self._remotes = {normalised_url(url) for url in (*remotes, *settings.repositories)}
        self.environments: dict[str, list[Application]] = {}
        self._used: set[str] = set()
        self._claims: set[tuple[str, str]] = set()
        self._consulted: set[str] = set()
        self._own: set[str] = set()
        self._known = KnownResources()
        self._charts: dict[ApplicationSource, tuple[Release, Inputs] | None] = {}

    def build(self, earlier: "Side | None" = None, other: "Side | None" = None) -> None:
        """Builds everything; a folder that an Application of the earlier side deploys is no root of its own.

        `other` is the side that this one is compared with.

        Raises:
            HarnessError: kustomize is unavailable, or the configuration is wrong.
        """
        roots = discover.roots(
            self.tree, self.kustomizations, self.settings, other.kustomizations if other else None
        )
        builds = self._build(
            [ApplicationSource(root.folder, directory={"recurse": root.recurse}) for root in roots]
        )
        if earlier is not None:
            self._used, self._claims = {*earlier._used}, {*earlier._claims}
        self._own = self._own_urls(builds)
        waiting: list[_Waiting] = []
        for root, build in zip(roots, builds, strict=True):
            self._known.add(root.environment, build)
            waiting += self._waiting(build, root.environment, root.certain)
        deployed: list[_Deployed] = []
        seen: set[tuple[str, Deployer]] = set()
        while waiting:
            ready, waiting = self._ready(waiting)
            batch = []
            for item in ready:
                name = self._environment(item.environment, item.certain, item.deployer)
                if (name, item.deployer) not in seen:
                    seen.add((name, item.deployer))
                    deployer = self._resolved(item, name)
                    if item.depth > _DEEPEST or len(seen) > _MOST_DEPLOYERS:
                        deployer = replace(deployer, sources=(), problem=_ENDLESS)
                    batch.append((name, item, deployer))
            followed = [self._followed(deployer) for _, _, deployer in batch]
            built = iter(self._build([source for sources, _ in followed for source in sources]))
            for (name, item, deployer), (sources, notes) in zip(batch, followed, strict=True):
                parts = [next(built) for _ in sources]
                causes = _unrendered(deployer.name, parts)
                notes += causes
                application = Application(
                    name=deployer.name,
                    path=deployer.sources[0].path if deployer.sources else "",
                    argocd=True,
                    wave=deployer.wave,
                    namespace=deployer.namespace,
                    cluster=deployer.cluster,
                    builds=parts,
                    notes=notes,
                    causes=causes,
                    remarks=[*deployer.remarks, *_asked(deployer.name, parts)],
                    extra=deployer.definition if notes or deployer.policy.generator else "",
                    parent=item.parent,
                    definition=mapping(json.loads(deployer.definition)),
                    policy=deployer.policy,
                )
                deployed.append(_Deployed(name, application, item))
                for part in parts:
                    self._known.add(name, part)
                    waiting += self._waiting(part, name, item.certain, item.depth + 1)
        self._remark_missing(deployed)
        self._claims |= {
            (entry.environment, part.folder) for entry in deployed for part in entry.application.builds
        }
        included = _included(builds, [part for entry in deployed for part in entry.application.builds])
        self._claims |= {(_ANY, folder) for folder in included}
        claimed = {folder for _, folder in self._claims}
        for entry in without_replaced(deployed, claimed):
            self._add(entry.environment, entry.application)
        for root, build in zip(roots, builds, strict=True):
            if _is_claimed(root, self._claims, claimed):
                if root.certain:
                    self.environments.setdefault(root.environment, [])
            else:
                application = Application(
                    root.folder, root.folder, False, builds=[build], part_of=root.top or root.folder
                )
                application.causes = _unrendered(root.folder, [build])
                application.notes += application.causes
                self._add(root.environment, application)
        for applications in self.environments.values():
            _mark_repeated(applications)
        self._add_wholes(roots, builds)

    def _waiting(self, build: Build, environment: str, certain: bool, depth: int = 1) -> list["_Waiting"]:
        return [
            _Waiting(environment, certain, deployer, build.folder, depth) for deployer in self._deployers(build)
        ]

    def _ready(self, waiting: list["_Waiting"]) -> tuple[list["_Waiting"], list["_Waiting"]]:
        """Those of which all is known that they are made of, or else all, and those that wait for others."""

        def is_ready(item: _Waiting) -> bool:
            return all(self._find(item, item.environment, need) for need in item.deployer.needs[1:])

        ready: list[_Waiting] = []
        others: list[_Waiting] = []
        for item in waiting:
            (ready if is_ready(item) else others).append(item)
        return (ready, others) if ready else (waiting, [])

    def _find(self, item: "_Waiting", environment: str, need: Reference) -> dict[str, Any] | None:
        return self._known.find(need, item.environment) or self._known.find(need, environment)

    def _resolved(self, item: "_Waiting", environment: str) -> Deployer:
        if not item.deployer.needs:
            return item.deployer
        complete = helm_releases.resolved if item.deployer.sources[0].helm else flux.resolved
        return complete(item.deployer, lambda need: self._find(item, environment, need))

    def _remark_missing(self, deployed: Sequence["_Deployed"]) -> None:
        """Names what a Kustomization waits for without end."""
        for entry in deployed:
            for other in entry.item.deployer.waits_for:
                if self._find(entry.item, entry.environment, other) is None:
                    said = f"{entry.application.name} waits for the {other}, which is not in this environment"
                    entry.application.remarks.append(said)

    def _add_wholes(self, roots: Sequence[discover.DiscoveredRoot], builds: Sequence[Build]) -> None:
        """Builds a kustomization that only lists others as a whole, where they have a resource in common."""
        parts: dict[tuple[str, str], list[Build]] = defaultdict(list)
        for root, build in zip(roots, builds, strict=True):
            if root.top not in ("", root.folder):
                parts[root.environment, root.top].append(build)
                self._consulted |= self.kustomizations.inputs_of(root.top)
        for (environment, top), built in parts.items():
            answers = [build.answer for build in built if build.answer]
            ids = Counter(item["id"] for answer in answers for item in answer.header["resources"])
            if any(count > 1 for count in ids.values()):
                (whole,) = self._build([ApplicationSource(top)])
                if whole.problems:
                    self._add(environment, Application(top, top, False, builds=[whole]))

    def read_files(self) -> set[str]:
        """The files that anything that is compared was made of."""
        applications = [item for items in self.environments.values() for item in items]
        read = {
            path
            for item in applications
            for build in item.builds
            for path in build.root.inputs.files | build.root.inputs.links
        }
        return read | self._consulted

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

    def _environment(self, where: str, certain: bool, deployer: Deployer) -> str:
        """The environment of an Application: that of its root if certain, else the one that its folder names."""
        if certain:
            return where
        return next((name for source in deployer.sources if (name := discover.marked(source.path))), where)

    def _own_urls(self, builds: Iterable[Build]) -> set[str]:
        """The URLs of this repository; empty if they are unknown."""
        sources = [
            source
            for build in builds
            for deployer in self._deployers(build)
            for source in deployer.sources
            if source.repository and self._exists(source.path)
        ]
        # Every repository has a top folder, so that it proves nothing.
        self._used |= {normalised_url(source.repository) for source in sources if source.path != "."}
        used = {normalised_url(source.repository) for source in sources}
        repositories = [item.value for build in builds for item in build.of_kind(REPOSITORY)]
        used |= {normalised_url(str(dig(value, "spec", "url"))) for value in repositories}
        return self._remotes & used

    def _followed(self, deployer: Deployer) -> tuple[list[ApplicationSource], list[str]]:
        """The Application sources that are built, and notes on the others."""
        sources: list[ApplicationSource] = []
        notes = [f"{deployer.name} {deployer.problem}"] if deployer.problem else []
        for source in deployer.sources:
            other = self._own and source.repository and normalised_url(source.repository) not in self._own
            named = source.helm is not None and source.helm.chart
            elsewhere = source.repository or isinstance(source.helm, FluxChart)
            if source.not_built:
                notes.append(f"{deployer.name}: {source.not_built}")
            elif not named and (
                other or (elsewhere and not self._exists(source.path) and not self._is_own(source))
            ):
                url = source.repository or "which is not defined here"
                notes.append(f"{deployer.name} deploys {source.path} of another repository ({url})")
            else:
                sources.append(source)
                if self._chart(source) is None:
                    notes += [
                        f"{deployer.name}: {path} is Jsonnet, which is not evaluated"
                        for path in self._jsonnet(source)
                    ]
        return sources, notes

    def _chart(self, source: ApplicationSource) -> tuple[Release, Inputs] | None:
        """The release that an Application source is, and what it reads; None where it is no chart's."""
        if source not in self._charts:
            helm = source.helm
            fits = helm is not None and (
                helm.chart
                or isinstance(helm, FluxChart)
                or (
                    is_chart(self.tree, source.path)
                    and not any(source.directory.values())
                    and (helm.options or self.kustomizations.file(source.path) is None)
                )
            )
            release = helm.release(self.tree, self._has) if helm is not None and fits else None
            self._charts[source] = (release, chart_inputs(self.tree, release)) if release else None
        return self._charts[source]

    def _has(self, url: str, path: str) -> bool:
        """Whether a repository is this one; where none is known to be, one that has the path is."""
        return normalised_url(url) in self._remotes or (not self._own and self.tree.is_file(path))

    def _jsonnet(self, source: ApplicationSource) -> list[str]:
        if source.is_flux or self.kustomizations.file(source.path) is not None:
            return []
        return [path for path in selected_files(self.tree, source.path, source.directory) if path.endswith(JSONNET)]

    def _is_own(self, source: ApplicationSource) -> bool:
        return normalised_url(source.repository) in (self._own or self._used)

    def _exists(self, path: str) -> bool:
        try:
            return self.tree.is_folder(self.tree.resolve(path))
        except UnreadableError:
            return False

    def _deployers(self, build: Build) -> list[Deployer]:
        return [item for resource in build.of_kind(*KINDS) for item in deployers(resource.value, self._repository)]

    @cached_property
    def _repository(self) -> Repository:
        return Repository(
            sorted(self.tree.folders),
            sorted(self.tree.paths()),
            self._consult,
            self._may_be_own,
            self._builder.fill,
        )

    def _consult(self, path: str) -> str:
        self._consulted.add(path)
        resolved = self.tree.resolve(path)
        self._consulted.add(resolved)
        try:
            return self.tree.text(resolved)
        except KeyError:
            raise UnreadableError(f"{path} is a broken link") from None

    def _may_be_own(self, url: str) -> bool:
        return not self._own or normalised_url(url) in self._own

    def _build(self, sources: Sequence[ApplicationSource]) -> list[Build]:
        """Builds Application sources: kustomizations together, folders of plain manifests here."""
        builds: dict[int, Build] = {}
        roots: dict[int, Root] = {}
        for index, source in enumerate(sources):
            if chart := self._chart(source):
                roots[index] = Root(chart[1].folder, self.tree, chart[1])
                continue
            try:
                folder = self.tree.resolve(source.path)
            except UnreadableError as error:
                problem = error.problem(Location(source.path))
                builds[index] = self._plain_build(source.path, problem.message, problems=[problem])
                continue
            if self.kustomizations.file(folder) is not None and not any(source.directory.values()):
                roots[index] = self._root(folder, source)
            elif source.is_flux and self.tree.is_folder(folder):
                roots[index] = self._root(
                    folder, source, generated_kustomization(self.tree, folder, source.ignored)
                )
            else:
                builds[index] = self._plain(folder, source)
        builds |= zip(roots, self._builder.build(list(roots.values())), strict=True)
        return [builds[index] for index in range(len(sources))]

    def _root(self, folder: str, source: ApplicationSource, generated: dict[str, Any] | None = None) -> Root:
        inputs = self.kustomizations.inputs(folder, source.edits, generated)
        inputs.is_flux, inputs.after_build = source.is_flux, source.after_build
        return Root(folder, self.tree, inputs)

    def _plain_build(
        self,
        folder: str,
        *key: str,
        files: Iterable[str] = (),
        problems: list[Problem] | None = None,
        plain: list[Resource] | None = None,
    ) -> Build:
        inputs = Inputs(folder, folder, files=set(files))
        return Build(Root(folder, self.tree, inputs), content_key(*key), problems or [], plain=plain)

    def _plain(self, folder: str, source: ApplicationSource) -> Build:
        """Reads a folder of plain manifests, as Argo CD's directory sources do."""
        if not self.tree.is_folder(folder):
            problem = Problem("LH312", f"{folder} does not exist.", Location(folder))
            return self._plain_build(folder, folder, "missing", problems=[problem])
        problems: list[Problem] = []
        if source.edits:
            message = f"{folder} has no kustomization, so the Application's options for one cannot be applied."
            problems.append(Problem("LH101", message, Location(folder)))
        files = [path for path in selected_files(self.tree, folder, source.directory) if not path.endswith(JSONNET)]
        key = ["plain", canonical(source.edits)]
        resources: list[Resource] = []
        for path in files:
            try:
                resolved = self.tree.resolve(path)
                key += [posixpath.relpath(path, folder), self.tree.oid(resolved)]
                text = self.tree.text(resolved)
                resources += plain_manifests(text, path) if SKIPPED not in text else []
            except KeyError:
                problems.append(Problem("LH103", f"{path} is a broken link.", Location(path)))
            except UnreadableError as error:
                problems.append(error.problem(Location(path)))
            except YamlError as error:
                message = f"{path} is not valid YAML: {error}."
                problems.append(Problem("LH104", message, Location(path, error.line)))
        return self._plain_build(folder, *key, files=files, problems=problems, plain=resources)


def _included(roots: Iterable[Build], deployed: Iterable[Build]) -> set[str]:
    """The folders of roots that are wholly part of what is deployed from a folder above."""
    by_kustomization: set[str] = set()
    by_folder: set[str] = set()
    for build in deployed:
        if build.root.inputs.generated is not None:
            by_kustomization |= build.root.inputs.files
        elif build.plain is not None:
            by_folder |= build.root.inputs.files
    return {
        root.folder
        for root in roots
        if (files := root.root.inputs.files)
        and files <= (by_kustomization | by_folder if root.plain is not None else by_kustomization)
    }


def without_replaced(deployed: Sequence[_Deployed], claimed: Collection[str]) -> list[_Deployed]:
    """What is deployed, without what a claimed root defines and the Application that includes it defines as well.

    That Application may change the definition.
    """

    def is_replaced(entry: _Deployed) -> bool:
        deployer, environment = entry.item.deployer, entry.environment if entry.item.certain else ""
        return entry.item.depth == 1 and (environment, deployer.home, deployer.name) in deeper

    deeper = {
        (environment, entry.item.deployer.home, entry.item.deployer.name)
        for entry in deployed
        if entry.item.depth > 1
        for environment in ("", entry.environment)
    }
    return [entry for entry in deployed if entry.item.parent not in claimed or not is_replaced(entry)]


def _mark_repeated(applications: Sequence[Application]) -> None:
    """Leaves a resource to the Application of the lower folder where another one includes that folder."""
    by_folder: dict[str, list[tuple[Application, Build]]] = defaultdict(list)
    for application in applications:
        for build in application.builds:
            by_folder[build.folder].append((application, build))
    for lower, below in itertools.chain.from_iterable(by_folder.values()):
        for upper, above in (item for folder in _folders_above(below.folder) for item in by_folder.get(folder, ())):
            if upper is lower or above.root.inputs.files.isdisjoint(below.root.inputs.files):
                continue
            shared = {(item.origin, str(item)) for item in below.resources}
            upper.repeated |= {
                key for item in above.resources if (key := (item.origin, str(item))) in shared and item.origin
            }


def _folders_above(folder: str) -> list[str]:
    """The folders that a folder is in; the top folder counts as in itself.

    >>> _folders_above("apps/web/prod"), _folders_above(".")
    (['.', 'apps', 'apps/web'], ['.'])
    """
    names = folder.split("/")
    return [".", *("/".join(names[:count]) for count in range(1, len(names)))]


def _unrendered(name: str, builds: Iterable[Build]) -> dict[str, str]:
    """The charts of elsewhere that are missing, as sentences, and why."""
    return {
        f"{name}: {what}" + (f", because {why}" if why else ""): why
        for build in builds
        for what, why in build.root.inputs.unrendered.items()
    }


def _asked(name: str, builds: Iterable[Build]) -> list[str]:
    """What charts ask for that only a cluster, chance or the clock could answer."""
    questions = [note for build in builds if build.answer for note in build.answer.header.get("notes", ())]
    return [f"{name} is rendered without a cluster, but its chart {', '.join(questions)}"] if questions else []


def _is_claimed(root: discover.DiscoveredRoot, claims: set[tuple[str, str]], claimed: set[str]) -> bool:
    """Whether an Application deploys a root, or all of the kustomization that only lists it and others.

    A part of an environment is still one when another environment deploys it as well. `claimed` are the folders of
    all claims.
    """
    if root.certain and root.top not in ("", root.folder):
        return not claims.isdisjoint(
            {(root.environment, root.folder), (root.environment, root.top), (_ANY, root.folder)}
        )
    return not claimed.isdisjoint({root.folder, root.top or root.folder})
