"""Builds a tree: every environment, and its Applications at every depth."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from harness.manifests import discover
from harness.manifests.applications import flux, helm_releases
from harness.manifests.applications.application import Application
from harness.manifests.applications.deployer import ApplicationSource, Deployer, Reference
from harness.manifests.applications.deployers import KINDS, SET, deployers
from harness.manifests.applications.generators import Repository
from harness.manifests.applications.known_resources import REPOSITORY, KnownResources
from harness.manifests.applications.overlaps import included_folders, mark_repeated
from harness.manifests.applications.own_repository import OwnRepository
from harness.manifests.applications.source_builder import SourceBuilder
from harness.manifests.build import Build
from harness.manifests.builder import Builder
from harness.manifests.inputs import Kustomizations
from harness.manifests.settings import Settings
from harness.manifests.tree import UnreadableError
from harness.manifests.values import dig, mapping

_DEEPEST: Final = 10
"""Applications on the way to one; those that deploy a changed copy of themselves have no end."""
_MOST_DEPLOYERS: Final = 5_000
_ANY: Final = ""
"""Stands for every environment."""
_ENDLESS: Final = "is not followed, because Applications deploy each other without an end"


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


class BuiltTree:
    """The built environments of a tree, which may be one side of a comparison."""

    def __init__(
        self,
        kustomizations: Kustomizations,
        settings: Settings,
        builder: Builder,
        remotes: Sequence[str],
        earlier: "BuiltTree | None" = None,
    ) -> None:
        """The kustomizations may be those that follow the earlier side's."""
        self.tree: Final = kustomizations.tree
        self.kustomizations: Final = kustomizations
        self.settings: Final = settings
        self.environments: dict[str, list[Application]] = {}
        self._builder = builder
        self._earlier = earlier
        self._own = OwnRepository([*remotes, *settings.repositories])
        self._sources: SourceBuilder = SourceBuilder(
            kustomizations, builder, self._own, earlier._sources if earlier else None
        )
        self._claims: set[tuple[str, str]] = set()
        self._consulted: set[str] = set()
        self._known = KnownResources()
        self._deployers: dict[bytes, list[Deployer]] = earlier._deployers if earlier else {}

    def build(self, other: "BuiltTree | None" = None) -> None:
        """Builds everything; a folder that an Application of the earlier side deploys is no root of its own.

        `other` is the side that this one is compared with.

        Raises:
            HarnessError: kustomize is unavailable, or the configuration is wrong.
        """
        roots = discover.roots(
            self.tree, self.kustomizations, self.settings, other.kustomizations if other else None
        )
        builds = self._sources.build(
            [ApplicationSource(root.folder, directory={"recurse": root.recurse}) for root in roots]
        )
        if self._earlier:
            self._claims = {*self._earlier._claims}
        self._learn_urls(builds)
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
            followed = [self._sources.followed(deployer) for _, _, deployer in batch]
            built = iter(self._sources.build([source for sources, _ in followed for source in sources]))
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
        included = included_folders(builds, [part for entry in deployed for part in entry.application.builds])
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
            mark_repeated(applications)
        self._add_wholes(roots, builds)

    def _waiting(self, build: Build, environment: str, certain: bool, depth: int = 1) -> list["_Waiting"]:
        return [
            _Waiting(environment, certain, deployer, build.folder, depth) for deployer in self._deployers_of(build)
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
                (whole,) = self._sources.build([ApplicationSource(top)])
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

    def _learn_urls(self, builds: Iterable[Build]) -> None:
        sources = [
            source
            for build in builds
            for deployer in self._deployers_of(build)
            for source in deployer.sources
            if source.repository and self._sources.exists(source.path)
        ]
        repositories = (item.value for build in builds for item in build.of_kind(REPOSITORY))
        defined = [str(dig(value, "spec", "url")) for value in repositories]
        self._own.learn(sources, defined, self._earlier._own if self._earlier else None)

    def _deployers_of(self, build: Build) -> Iterator[Deployer]:
        for resource in build.of_kind(*KINDS):
            if resource.kind == SET:
                yield from deployers(resource.value, self._repository)
                continue
            if resource.as_json not in self._deployers:
                self._deployers[resource.as_json] = deployers(resource.value, self._repository)
            yield from self._deployers[resource.as_json]

    @cached_property
    def _repository(self) -> Repository:
        return Repository(
            sorted(self.tree.folders),
            sorted(self.tree.paths()),
            self._consult,
            self._own.is_possible,
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
