"""What an Argo CD Application renders a chart with (`spec.source.helm`)."""

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.helm.release import Release, escaped, is_url, text_list
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.patterns import matches
from harness.manifests.problem import Location
from harness.manifests.tree import Tree
from harness.manifests.values import dig, mapping, mappings

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\$)")
_PATTERN: Final = re.compile(r"[*?\[]")
_OPTIONS: Final = {"kubeVersion": "", "skipCrds": False, "skipTests": False}


@dataclass(frozen=True)
class HelmSource:
    """An Application source, as far as it is about a chart.

    Attributes:
        path: Its folder, to which the values' files are relative.
        chart: A chart that is not in a folder of a repository.
        options: Its field `helm`.
        references: URLs of the Application's other sources, by their `ref`.
        variables: What `$NAME` stands for.
    """

    application: str
    namespace: str
    path: str
    chart: RemoteChart | None
    options: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def release(self, tree: Tree, is_own: Callable[[str, str], bool]) -> Release:
        """The release that it stands for; `is_own` tells whether the repository at a URL is this one."""
        options = self.options
        release = Release(
            str(options.get("releaseName") or self.application),
            str(options.get("namespace") or self.namespace or "default"),
            folder="" if self.chart else self.path,
            remote=self.chart,
            options={name: options.get(name) or default for name, default in _OPTIONS.items()},
        )
        release.options["skipSchema"] = bool(options.get("skipSchemaValidation"))
        release.options["apiVersions"] = text_list(options.get("apiVersions"))
        names = text_list(options.get("valueFiles"))
        named = Release(release.name, release.namespace)
        for name in names:
            if not _PATTERN.search(name):
                self._add_file(named, tree, is_own, name, optional=True)
        for name in names:
            optional = bool(options.get("ignoreMissingValueFiles"))
            self._add_file(release, tree, is_own, name, optional=optional, without=named.files)
        if (values := options.get("valuesObject")) is not None:
            release.layers.append({"inline": json.dumps(values)})
        elif options.get("values"):
            release.layers.append({"inline": str(options["values"])})
        parameters = mappings(options.get("parameters"))
        for forced, option in ((False, "set"), (True, "setString")):
            for parameter in parameters:
                if bool(parameter.get("forceString")) is forced:
                    value = self._filled(_text(parameter.get("value")))
                    release.layers.append({option: f"{parameter.get('name')}={escaped(value)}"})
        for parameter in mappings(options.get("fileParameters")):
            name = str(parameter.get("path") or "")
            self._add_file(release, tree, is_own, name, setFile=str(parameter.get("name")))
        return release

    def _add_file(
        self,
        release: Release,
        tree: Tree,
        is_own: Callable[[str, str], bool],
        name: str,
        *,
        optional: bool = False,
        without: Set[str] = frozenset(),
        **layer: str,
    ) -> None:
        """Adds a file, or those that a pattern selects, `without` some."""

        def add(path: str) -> None:
            for file in [path] if layer else _selected(tree, path):
                if file == path or file not in {*without, *release.files}:
                    release.add_file(tree, file, Location(file), optional=optional, **layer)

        name = self._referred(name)
        reference, _, rest = name.partition("/")
        if reference.startswith("$"):
            url = self.references.get(reference[1:])
            if url is None:
                release.notes.append(f"its values are in {name}, but no Application source is called {reference}")
            elif is_own(url, _selected(tree, rest)[0]):
                add(rest)
            else:
                release.notes.append(f"the values in {name} are in another repository ({url})")
        elif is_url(name):
            release.notes.append(f"the values in {name} are not fetched")
        elif self.chart:
            release.add_inside(name, optional=optional, **layer)
        else:
            add(name.lstrip("/") if name.startswith("/") else posixpath.join(self.path, name))

    def _referred(self, name: str) -> str:
        """A file's name, in which `$name/` at the start is a source's."""
        reference, slash, rest = name.partition("/")
        if slash and reference.startswith("$") and reference[1:] in self.references:
            return f"{reference}/{self._filled(rest)}"
        return self._filled(name) if not reference.startswith("$") or reference[1:] in self.variables else name

    def _filled(self, text: str) -> str:
        return _VARIABLE.sub(
            lambda match: self.variables.get(match[1] or match[2], "") if match[0] != "$$" else "$", text
        )


def helm_source(
    resource: dict[str, Any], source: dict[str, Any], sources: list[dict[str, Any]], variables: Mapping[str, str]
) -> HelmSource:
    """What one of the sources of an Application says of a chart."""
    return HelmSource(
        str(dig(resource, "metadata", "name") or "unnamed"),
        str(dig(resource, "spec", "destination", "namespace") or ""),
        posixpath.normpath(str(source.get("path") or ".")),
        _remote(source),
        mapping(source.get("helm")),
        {str(other["ref"]): str(other.get("repoURL") or "") for other in sources if other.get("ref")},
        variables,
    )


def _selected(tree: Tree, path: str) -> list[str]:
    """The files that a pattern selects, those of a folder before those below it; the path itself if it is none."""
    if not _PATTERN.search(path) or tree.entry(path):
        return [path]
    path = posixpath.normpath(path)

    def order(file: str) -> list[tuple[bool, str]]:
        *folders, name = file.split("/")
        return [*((True, folder) for folder in folders), (False, name)]

    return sorted((file for file in tree.paths() if matches(file, path)), key=order) or [path]


def _remote(source: dict[str, Any]) -> RemoteChart | None:
    url, revision = str(source.get("repoURL") or ""), str(source.get("targetRevision") or "")
    if not source.get("chart"):
        # An artifact of a registry is never in this repository; most are charts.
        return RemoteChart(url, "", *_tag_or_digest(revision)) if url.startswith("oci://") else None
    # Argo CD writes a registry without a scheme.
    url = f"oci://{url}" if url and "://" not in url else url
    return RemoteChart(url, str(source["chart"]), revision)


def _tag_or_digest(revision: str) -> tuple[str, str]:
    return ("", revision) if revision.startswith("sha256:") else (revision, "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
