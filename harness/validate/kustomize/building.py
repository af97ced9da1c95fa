"""Findings about building: roots that fail, and manifests that no root reads."""

import os
import posixpath
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from harness.errors import closest
from harness.manifests import cluster
from harness.manifests.build import Build
from harness.manifests.built_tree import BuiltTree
from harness.manifests.environments import OVERLAYS, listing, overlay_folder
from harness.manifests.exemptions import FILE as EXEMPTIONS
from harness.manifests.explain import invalid_manifests
from harness.manifests.helm.chart import CHART
from harness.manifests.inputs import KUSTOMIZATION_NAMES, no_file, references
from harness.manifests.problem import NOT_BUILT, Problem
from harness.manifests.tree import Tree, with_folders
from harness.validate.exemptions import FOLDERS
from harness.validate.finding import Finding
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH101: Final = ValidationRule("LH101", "A root builds", "Argo CD builds it in the same way and would stop syncing.")
LH102: Final = ValidationRule("LH102", "Kustomizations do not include each other", "A cycle cannot be built.")
LH103: Final = ValidationRule(
    "LH103", "Every file that is referenced exists", "One missing file stops syncing the whole Application."
)
LH104: Final = ValidationRule(
    "LH104", "Every manifest is YAML", "One broken file stops syncing the whole Application."
)
LH105: Final = ValidationRule(
    "LH105",
    "Every manifest, and every text in a ConfigMap or Secret, is UTF-8",
    "The API server accepts no other manifest, and a program reads a zero after each letter.",
)
LH106: Final = ValidationRule(
    "LH106", "No file is too large for a manifest", "etcd rejects objects of more than 1.5 MB."
)
LH107: Final = ValidationRule(
    "LH107", "Remote bases are pinned to a release tag", "A branch changes without a commit here."
)
LH109: Final = ValidationRule(
    "LH109", "Every manifest is used", "A file that nothing includes looks deployed but is not."
)


_ALIKE: Final = 0.85
_TEMPLATES: Final = frozenset({"template", "templates", "scaffold", "scaffolds", "skeleton", "skeletons"})
"""Folders of what is copied and filled in before anybody builds it."""


def findings(environments: list[Environment]) -> list[Finding]:
    return [
        finding(problem, environment.root, (environment.name,))
        for environment in environments
        for build in environment.builds
        for problem in build.problems
        if problem.rule != NOT_BUILT
        and problem.location.file not in environment.synced
        and not _completed(environment, build, problem)
    ]


def _completed(environment: Environment, build: Build, problem: Problem) -> str:
    """What completes a root that nothing here deploys before it is built; empty for nothing that is known of."""
    if problem.rule not in (LH101.id, LH103.id, LH104.id) or build.folder in environment.synced:
        return ""
    steps = build.folder.split("/")
    if not _TEMPLATES.isdisjoint(steps) or "{{" in build.folder:
        return "so it is taken for a template"
    if problem.rule == LH103.id and build.root.tree.is_file(f"{build.folder}/{CHART}"):
        return "so a plugin is taken to make it from the chart there"
    return ""


def not_built(environments: list[Environment], rules: Container[str]) -> list[str]:
    """What was not built without any rule of `rules` being broken, as sentences."""
    sentences = [f"{note}." for environment in environments for note in environment.not_built]
    sentences += [
        f"{problem.location}: {problem.message}"
        for environment in environments
        for build in environment.builds
        for problem in build.problems
        if problem.rule == NOT_BUILT or (problem.rule == LH107.id and LH107.id not in rules)
    ]
    sentences += [
        f"{problem.location}: {problem.message.removesuffix('.')}, {why}"
        for environment in environments
        for build in environment.builds
        for problem in build.problems
        if (why := _completed(environment, build, problem))
    ]
    return list(dict.fromkeys(sentences))


def special_files(tree: Tree, root: Path) -> list[Finding]:
    """Pipes, sockets and devices with the name of a manifest; git does not list them."""
    return [
        finding(no_file(path), root)
        for folder in tree.folders
        for path in _special(root, folder)
        if not _is_ours(root / path, root)  # whatever reads it says so
    ]


def _special(root: Path, folder: str) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = entry.name
                is_manifest = name.endswith((".yaml", ".yml")) or name in KUSTOMIZATION_NAMES
                if is_manifest and not (entry.is_symlink() or entry.is_file() or entry.is_dir()):
                    yield posixpath.normpath(posixpath.join(folder, entry.name))
    except OSError:
        return  # gone meanwhile, or not to be read, as whatever names a file in it says


def finding(problem: Problem, root: Path, environments: tuple[str, ...] = ()) -> Finding:
    location = problem.location
    return Finding(problem.rule, problem.message, environments, file=root / location.file, line=location.line)


def unused_files(root: Path, environments: list[Environment], built: BuiltTree) -> list[Finding]:
    """Manifests that no kustomization reads; disabled components count as roots."""
    used = {
        path for environment in environments for build in environment.builds for path in build.root.inputs.files
    }
    findings: list[Finding] = []
    tree, kustomizations = built.tree, built.kustomizations
    files = [
        path
        for path in sorted(tree.paths())
        if path.endswith((".yaml", ".yml")) and path.partition("/")[0] in FOLDERS
    ]
    for path in files:
        folder, name = posixpath.split(path)
        is_component = name in KUSTOMIZATION_NAMES and kustomizations.fields(folder).get("kind") == "Component"
        if is_component and path not in used:
            inputs = kustomizations.inputs(folder)
            used |= inputs.files
            problems = [*inputs.problems, *inputs.unpinned(tree), *invalid_manifests(tree, inputs)]
            findings += [finding(problem, root) for problem in problems]
    for environment in environments:
        used |= {*listing(kustomizations, built.settings, overlay_folder(environment.name))}
    # What a kustomization that cannot be read would name is not known.
    broken = {
        folder
        for environment in environments
        for build in environment.builds
        for problem in build.root.inputs.problems
        for folder in (build.folder, posixpath.dirname(problem.location.file) or ".")
    }
    broken |= {
        meant
        for environment in environments
        for build in environment.builds
        for problem in build.root.inputs.problems
        if problem.rule == LH103.id
        for meant in _meant(built, posixpath.dirname(problem.location.file))
    }
    for path in files:
        if path in used or path.endswith(("_test.yaml", "_test.yml")) or _is_ours(root / path, root):
            continue
        if not (root / path).is_file() or not broken.isdisjoint(with_folders([path])):
            continue
        message = f"{path} is not used by any environment or component."
        findings.append(Finding(LH109.id, message, file=root / path, line=1))
    return findings


def _meant(built: BuiltTree, folder: str) -> Iterator[str]:
    """The folders that a kustomization names or, where there is none of that name, those that it probably means."""
    for reference, _, what in references(built.kustomizations.fields(folder)):
        named = posixpath.normpath(posixpath.join(folder, reference))
        if what == "base" and not built.tree.is_file(named):
            yield named if built.tree.is_folder(named) else closest(named, built.tree.folders, _ALIKE)


def _is_ours(path: Path, root: Path) -> bool:
    """Whether a file configures this validation."""
    return path.name == EXEMPTIONS or (path.name == cluster.FILE and path.parent.parent == root / OVERLAYS)
