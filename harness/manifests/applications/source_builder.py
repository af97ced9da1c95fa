"""Builds what Applications deploy: kustomizations, charts, and folders of plain manifests."""

import posixpath
from collections.abc import Iterable, Sequence
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.applications.deployer import ApplicationSource, Deployer
from harness.manifests.applications.directories import JSONNET, SKIPPED, selected_files
from harness.manifests.applications.flux_folders import generated_kustomization
from harness.manifests.applications.own_repository import OwnRepository
from harness.manifests.build import Build, Root, plain_manifests
from harness.manifests.builder import Builder
from harness.manifests.discover import within
from harness.manifests.helm.chart import is_chart
from harness.manifests.helm.flux import FluxChart
from harness.manifests.helm.release import Release
from harness.manifests.inputs import Inputs, Kustomizations, chart_inputs
from harness.manifests.kubernetes_yaml import YamlError
from harness.manifests.problem import MISSING_FOLDER, Location, Problem
from harness.manifests.resource import Resource
from harness.manifests.tree import UnreadableError
from harness.manifests.values import canonical, mapping

_KUSTOMIZATION: Final = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


class SourceBuilder:
    """Builds the Application sources of one tree; what is the same in an earlier one is taken from there."""

    def __init__(
        self,
        kustomizations: Kustomizations,
        builder: Builder,
        own: OwnRepository,
        earlier: "SourceBuilder | None" = None,
    ) -> None:
        self.tree = kustomizations.tree
        self.kustomizations = kustomizations
        self._builder = builder
        self._own = own
        self._earlier = earlier._builds if earlier else {}
        self._builds: dict[ApplicationSource, Build] = {}
        self._charts: dict[ApplicationSource, tuple[Release, Inputs] | None] = {}

    def followed(self, deployer: Deployer) -> tuple[list[ApplicationSource], list[str]]:
        """The Application sources that are built, and notes on the others."""
        sources: list[ApplicationSource] = []
        notes = [f"{deployer.name} {deployer.problem}"] if deployer.problem else []
        for source in deployer.sources:
            other = source.repository and not self._own.is_possible(source.repository)
            named = source.helm is not None and source.helm.chart
            elsewhere = source.repository or isinstance(source.helm, FluxChart)
            if source.not_built:
                notes.append(f"{deployer.name}: {source.not_built}")
            elif not named and (
                other or (elsewhere and not self.exists(source.path) and not self._own.is_proven(source.repository))
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
        return self._own.has_file(url, self.tree.is_file(path))

    def _jsonnet(self, source: ApplicationSource) -> list[str]:
        if source.is_flux or self.kustomizations.file(source.path) is not None:
            return []
        return [path for path in selected_files(self.tree, source.path, source.directory) if path.endswith(JSONNET)]

    def exists(self, path: str) -> bool:
        try:
            return self.tree.is_folder(self.tree.resolve(path))
        except UnreadableError:
            return False

    def build(self, sources: Sequence[ApplicationSource]) -> list[Build]:
        """Builds Application sources: kustomizations together, folders of plain manifests here."""
        wanted = [self._reduced(source) for source in sources]
        roots: dict[ApplicationSource, Root] = {}
        for source in wanted:
            if source in self._builds or source in roots:
                continue
            if (earlier := self._earlier.get(source)) and not self._may_differ(source, earlier):
                self._builds[source] = earlier
                continue
            made = self._made(source)
            if isinstance(made, Root):
                roots[source] = made
            else:
                self._builds[source] = made
        built = map(self._whole_or_as_written, self._builder.build(list(roots.values())))
        self._builds |= zip(roots, built, strict=True)
        return [self._builds[source] for source in wanted]

    def _reduced(self, source: ApplicationSource) -> ApplicationSource:
        """An Application source without what makes no difference to its build."""
        if self._chart(source) or any(source.directory.values()) or not self._has_kustomization(source.path):
            return source
        return ApplicationSource(
            source.path, edits=source.edits, is_flux=source.is_flux, after_build=source.after_build
        )

    def _has_kustomization(self, path: str) -> bool:
        try:
            return self.kustomizations.file(self.tree.resolve(path)) is not None
        except UnreadableError:
            return False

    def _may_differ(self, source: ApplicationSource, build: Build) -> bool:
        """Whether a build of the earlier tree may be another one here."""
        touched, inputs = self.kustomizations.touched, build.root.inputs
        if build.problems or build.folder != source.path or build.folder in touched:
            return True
        if build.plain is not None and not build.as_written:
            return not all(map(self.tree.is_file, inputs.files))  # a link leads to elsewhere
        return inputs.may_differ(touched)

    def _made(self, source: ApplicationSource) -> Root | Build:
        """What is built by kustomize or Helm, or what has been read here."""
        if chart := self._chart(source):
            return Root(chart[1].folder, self.tree, chart[1])
        try:
            folder = self.tree.resolve(source.path)
        except UnreadableError as error:
            problem = error.problem(Location(source.path))
            return self._plain_build(source.path, problem.message, problems=[problem])
        if self.kustomizations.file(folder) is not None and not any(source.directory.values()):
            return self._root(folder, source)
        if source.is_flux and self.tree.is_folder(folder):
            return self._root(folder, source, generated_kustomization(self.tree, folder, source.ignored))
        return self._plain(folder, source)

    def _root(self, folder: str, source: ApplicationSource, generated: dict[str, Any] | None = None) -> Root:
        inputs = self.kustomizations.inputs(folder, source.edits, generated)
        inputs.is_flux, inputs.after_build = source.is_flux, source.after_build
        return Root(within(folder), self.tree, inputs)

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
            problem = Problem(MISSING_FOLDER, f"{folder} does not exist.", Location(folder))
            return self._plain_build(folder, folder, "missing", problems=[problem])
        problems: list[Problem] = []
        if source.edits:
            message = f"{folder} has no kustomization, so the Application's options for one cannot be applied."
            problems.append(Problem("LH101", message, Location(folder)))
        files = [path for path in selected_files(self.tree, folder, source.directory) if not path.endswith(JSONNET)]
        resources, key, read = self._read(files, folder, problems)
        key = ["plain", canonical(source.edits), *key]
        return self._plain_build(folder, *key, files=read, problems=problems, plain=resources)

    def _read(
        self, files: Sequence[str], folder: str, problems: list[Problem]
    ) -> tuple[list[Resource], list[str], set[str]]:
        """The resources in files, what their content key is made of, and the files with their links followed."""
        key: list[str] = []
        resources: list[Resource] = []
        read = {*files}
        for path in files:
            try:
                resolved = self.tree.resolve(path)
                read.add(resolved)
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
        return resources, key, read

    def _whole_or_as_written(self, build: Build) -> Build:
        """A build, or what its kustomizations consist of where a remote base of theirs is not at hand."""
        if not build.unfetched:
            return build
        inputs = build.root.inputs
        inputs.unrendered |= {problem.message.rstrip("."): "" for problem in build.problems}
        problems: list[Problem] = []
        written, _, _ = self._read(inputs.manifests, build.folder, problems)
        for file in inputs.kustomizations:
            folder = posixpath.dirname(file) or "."
            fields = _KUSTOMIZATION | self.kustomizations.fields(folder)
            fields["metadata"] = mapping(fields.get("metadata")) | {"name": folder}
            written.append(Resource.of(fields, origin=file))
        return Build(build.root, build.key, problems, plain=written, as_written=True)
