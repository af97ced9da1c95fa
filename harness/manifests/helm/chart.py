"""The files that a Helm chart consists of, those of charts that it depends on included."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.helm.remote import RemoteChart
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import mapping, mappings

CHART: Final = "Chart.yaml"
_MOST_FILES: Final = 10_000


@dataclass
class Chart:
    """A chart in the tree.

    Attributes:
        files: Paths in the tree by paths in the chart.
        dependencies: The same for charts in other folders of the tree, by name.
        links: The symbolic links on the way to them.
        missing: Charts that it needs and that are not in the tree.
    """

    folder: str
    files: dict[str, str] = field(default_factory=dict)
    dependencies: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    missing: list[RemoteChart] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def is_chart(tree: Tree, folder: str) -> bool:
    return tree.entry(posixpath.normpath(posixpath.join(folder, CHART))) is not None


def is_template(tree: Tree, path: str) -> bool:
    """Whether a file is one of a chart's templates, which is no manifest by itself."""
    steps = path.split("/")[:-1]
    return any(
        step == "templates" and is_chart(tree, "/".join(steps[:index]) or ".") for index, step in enumerate(steps)
    )


def chart(tree: Tree, folder: str) -> Chart:
    found = Chart(folder)
    try:
        found.files = _files(tree, folder, found.links)
        for dependency in _declared(tree, found.files):
            _add_dependency(tree, found, dependency)
    except UnreadableError as error:
        found.problems.append(error.problem(Location(posixpath.join(folder, CHART), 1)))
    except YamlError as error:
        description = posixpath.join(folder, CHART)
        message = f"{description} is not valid YAML: {error}."
        found.problems.append(Problem("LH104", message, Location(description, error.line)))
    return found


def _files(tree: Tree, folder: str, links: set[str]) -> dict[str, str]:
    files: dict[str, str] = {}
    for inside, path in _walk(tree, folder, "", links, ()):
        files[inside] = path
        if len(files) > _MOST_FILES:
            raise UnreadableError(f"{folder} has more than {_MOST_FILES:,} files")
    return files


def _walk(
    tree: Tree, folder: str, inside: str, links: set[str], above: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    resolved, followed = tree.follow(folder)
    if resolved in above:
        raise UnreadableError(f"{folder} is a link to a folder above it")
    links |= set(followed)
    for name in tree.folders.get(resolved, []):
        path, followed = tree.follow(posixpath.join(resolved, name))
        links |= set(followed)
        if tree.is_file(path):
            yield inside + name, path
        elif tree.is_folder(path):
            yield from _walk(tree, path, f"{inside}{name}/", links, (*above, resolved))
        else:
            raise UnreadableError(f"{posixpath.join(folder, name)} is a broken link")


def _declared(tree: Tree, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The charts that it depends on, in the versions that were decided where some were."""
    for name, lock in ((CHART, "Chart.lock"), ("requirements.yaml", "requirements.lock")):
        declared, locked = _dependencies(tree, files.get(name)), _dependencies(tree, files.get(lock))
        if [item.get("name") for item in declared] == [item.get("name") for item in locked]:
            versions = [{"version": item.get("version")} for item in locked]
            declared = [item | version for item, version in zip(declared, versions, strict=True)]
        yield from declared


def _dependencies(tree: Tree, file: str | None) -> list[dict[str, Any]]:
    documents = load(tree.text(file)) if file else []
    return [item for document in documents for item in mappings(mapping(document).get("dependencies"))]


def _add_dependency(tree: Tree, found: Chart, dependency: dict[str, Any]) -> None:
    name, repository = str(dependency.get("name") or ""), str(dependency.get("repository") or "")
    if name in _vendored(tree, found.files) or any(
        path.startswith(f"charts/{name}-") and path.endswith((".tgz", ".tar.gz")) for path in found.files
    ):
        return
    if not repository.startswith("file://"):
        found.missing.append(RemoteChart(repository, name, str(dependency.get("version") or "")))
        return
    folder = tree.resolve(posixpath.join(found.folder, repository.removeprefix("file://")))
    if not is_chart(tree, folder):
        raise UnreadableError(f"{folder}, which it depends on, has no {CHART}")
    found.dependencies[name] = _files(tree, folder, found.links)


def _vendored(tree: Tree, files: dict[str, str]) -> set[str]:
    """The names of the charts in the folder `charts`."""
    return {
        str(mapping(document).get("name"))
        for inside, path in files.items()
        if inside.startswith("charts/") and inside.count("/") == 2 and inside.endswith(f"/{CHART}")
        for document in load(tree.text(path))
    }
