"""The charts that a kustomization inflates: `helmCharts`, and the generator HelmChartInflationGenerator."""

import json
import posixpath
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.helm.chart import is_chart
from harness.manifests.helm.release import Release, is_url, text_list
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import mapping, mappings, sequence

_GENERATOR: Final = "HelmChartInflationGenerator"
_HOME: Final = "charts"
_VALUES: Final = "values.yaml"
_NAME: Final = "release-name"
_OLD_NAMES: Final = {
    "chartName": "name",
    "chartVersion": "version",
    "chartRepoUrl": "repo",
    "values": "valuesFile",
    "valuesLocal": "valuesInline",
    "releaseNamespace": "",
}
"""Fields of `helmChartInflationGenerator`, and those of `helmCharts` that kustomize makes of them."""


def inflated(tree: Tree, fields: dict[str, Any], file: str, namespace: str) -> Iterator[Release]:
    """The releases of a kustomization; `namespace` is that of the root."""
    folder = posixpath.dirname(file) or "."
    home = mapping(fields.get("helmGlobals")).get("chartHome")
    namespace = str(fields.get("namespace") or namespace or "default")
    old = mappings(fields.get("helmChartInflationGenerator"))
    home = home or next((item["chartHome"] for item in reversed(old) if item.get("chartHome")), None)
    for chart in [*mappings(fields.get("helmCharts")), *map(_renamed, old)]:
        yield _release(tree, chart, file, posixpath.join(folder, str(home or _HOME)), namespace)
    for item in sequence(fields.get("generators")):
        for document in _generators(tree, folder, item):
            release = _release(
                tree, document, file, posixpath.join(folder, str(document.get("chartHome") or _HOME)), namespace
            )
            release.options["generator"] = item
            yield release


def _renamed(old: dict[str, Any]) -> dict[str, Any]:
    return {_OLD_NAMES.get(name, name): value for name, value in old.items()}


def _generators(tree: Tree, folder: str, item: Any) -> list[dict[str, Any]]:
    """The documents of an item of `generators`, if all of them inflate charts."""
    if not isinstance(item, str):
        return []
    try:
        text = item if "\n" in item else tree.text(tree.resolve(posixpath.join(folder, item)))
        documents = load(text)
    except (UnreadableError, YamlError, KeyError):
        return []  # a folder, or what kustomize itself will name
    fitting = [document for document in mappings(documents) if document.get("kind") == _GENERATOR]
    return fitting if len(fitting) == len(documents) else []


def _release(tree: Tree, chart: dict[str, Any], file: str, home: str, namespace: str) -> Release:
    name, version = str(chart.get("name") or ""), str(chart.get("version") or "")
    if chart.get("repo") and version:
        home = posixpath.join(home, f"{name}-{version}")
    folder = posixpath.normpath(posixpath.join(home, name))
    release = Release(
        str(chart.get("releaseName") or _NAME),
        str(chart.get("namespace") or namespace),
        folder=folder,
        options={
            "nameTemplate": str(chart.get("nameTemplate") or ""),
            "kubeVersion": str(chart.get("kubeVersion") or ""),
            "apiVersions": text_list(chart.get("apiVersions")),
            "skipCrds": not chart.get("includeCRDs"),
            "skipHooks": bool(chart.get("skipHooks")),
            "skipTests": bool(chart.get("skipTests")),
        },
    )
    location = Location(file, 1)
    try:
        release.folder = tree.resolve(folder)
        there = is_chart(tree, release.folder)
    except UnreadableError as error:
        release.problems.append(error.problem(location))
        return release
    if not there and chart.get("repo"):
        release.folder, release.remote = "", RemoteChart(str(chart["repo"]), name, version)
    elif not there:
        message = f"{file} inflates the Helm chart {name or 'without a name'}, which is not rendered: "
        message += f"it is not in {folder}."
        release.problems.append(Problem("LH101", message, location))
        return release
    _add_values(tree, release, chart, posixpath.dirname(file), location)
    return release


def _add_values(tree: Tree, release: Release, chart: dict[str, Any], folder: str, location: Location) -> None:
    own, more = str(chart.get("valuesFile") or ""), text_list(chart.get("additionalValuesFiles"))
    for url in filter(is_url, [own, *more]):
        release.notes.append(f"the values in {url} are not fetched")
    own = "" if is_url(own) else own
    path = posixpath.join(folder, own) if own else posixpath.join(release.folder, _VALUES)
    inline, merge = chart.get("valuesInline"), str(chart.get("valuesMerge") or "override")
    several = [posixpath.join(folder, name) for name in more if not is_url(name)]
    if inline and merge == "replace":
        release.layers.append({"inline": json.dumps(inline)})
    elif release.remote and not own and inline:
        release.add_inside(_VALUES, optional=True, inline=json.dumps(inline), merge=merge)
    elif inline:
        count = len(release.layers)
        release.add_file(tree, path, location, optional=not own, inline=json.dumps(inline), merge=merge)
        if len(release.layers) == count:
            release.layers.append({"inline": json.dumps(inline)})
    elif own or not release.remote:
        release.add_file(tree, path, location, optional=not own)
    for additional in several:
        release.add_file(tree, additional, location)
