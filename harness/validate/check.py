"""Validates environments: builds them, asks every judge, takes exemptions away, and looks up the sources."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.manifests import cluster as clusters
from harness.manifests.build import build_all
from harness.manifests.catalogue import FILE as CATALOGUE_FILE
from harness.manifests.catalogue import read as read_catalogue
from harness.manifests.environments import OVERLAYS, aggregates, units
from harness.manifests.environments import environments as known_environments
from harness.manifests.exemptions import FILE as EXEMPTIONS
from harness.manifests.exemptions import Exemption
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.manifests.settings import declared_reference
from harness.manifests.tree import KUSTOMIZATION_NAMES, walk
from harness.validate import engines, exemptions, metrics, parity, policy, references, schemas, waves
from harness.validate.finding import Defect, Finding
from harness.validate.model import Environment
from harness.validate.model import environment as collect
from harness.validate.secrets import origins
from harness.validate.source import SourceMap

_ABSENCE: Final = frozenset(
    {*(f"LH{number}" for number in range(301, 316)), "LH401", "LH402", "LH403", "LH404", "LH507", "LH601"}
    | {"LH526", "LH527", "LH529", "LH530", "LH531", "LH540", "LH541"}
)
"""Rules that speak of what is not there: without meaning while a part of the environment cannot be read."""


@dataclass
class Report:
    """What a validation found.

    Attributes:
        root: The checkout.
        environments: Those that were looked at.
        resources: How many resources each has.
        findings: Every finding that no exemption covers, by file and line.
        exempted: How many findings exemptions cover.
        incomplete: Environments of which a part could not be built.
        seconds: How long it took.
    """

    root: Path
    environments: list[str]
    resources: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    exempted: int = 0
    incomplete: list[str] = field(default_factory=list)
    seconds: float = 0.0


def validate(root: Path, names: Sequence[str] = (), *, offline: bool = False) -> Report:
    """Validates environments of a checkout; all of them when none is named.

    Raises:
        HarnessError: There is no such environment, or a tool cannot be had.
    """
    start = time.perf_counter()
    everything = known_environments(root)
    chosen = list(names) or everything
    parts = {name: units(root, name) for name in chosen}
    builds = iter(build_all([unit for name in chosen for unit in parts[name]], offline=offline))
    found = [collect(name, root, [next(builds) for _ in parts[name]]) for name in chosen]
    report = Report(root, chosen, {environment.name: len(environment.resources) for environment in found})
    accepted, problems = exemptions.read(root)
    reference = declared_reference(root)
    problems += _build_findings(found)
    report.incomplete = [found.name for found in found if any(build.problems for build in found.builds)]
    complete = set(chosen) >= set(everything)
    with ThreadPoolExecutor(2) as pool:
        leaks = pool.submit(engines.credentials, root, _tracked(root))
        everyone = {resource.key: resource for environment in found for resource in environment.everything}
        broken = schemas.check(list(everyone.values()))
        for environment in found:
            environment.malformed = {defect.resource.key for defect in broken if defect.rule == "LH201"}
        defects = list(pool.map(lambda environment: list(_judge(environment)), found))
        problems += leaks.result()
    judged = [
        (environment.name, defect) for environment, list_ in zip(found, defects, strict=True) for defect in list_
    ]
    judged += _for_each(broken, found)
    judged += parity.check(found, reference)
    if complete:
        problems += _unused_files(root, found)
        problems += parity.undeclared(root, everything, reference)
    unclear = dict.fromkeys(report.incomplete, _ABSENCE)
    unclear |= {environment.name: _ABSENCE for environment in found if environment.malformed}
    judged = [(name, defect) for name, defect in judged if defect.rule not in unclear.get(name, ())]
    left = [(name, defect) for name, defect in judged if not _covered(accepted, name, defect, _facts(defect))]
    problems = [problem for problem in problems if not _covered(accepted, "", problem, _file(problem, root))]
    report.exempted = len(judged) - len(left)
    if not report.incomplete and complete:
        problems += exemptions.unused(accepted, set(chosen), root)
    report.findings = _sorted([*problems, *_locate(left)], root)
    report.seconds = time.perf_counter() - start
    return report


def _covered(accepted: list[Exemption], environment: str, item: Defect | Finding, facts: dict[str, str]) -> bool:
    # Each is asked, not the first that agrees: all that apply are in use.
    covering = [one for one in accepted if one.covers(item.rule, item.message, facts, (environment,))]
    return bool(covering)


def _facts(defect: Defect) -> dict[str, str]:
    return {"kind": defect.resource.kind, "namespace": defect.resource.namespace, "name": defect.resource.name}


def _file(problem: Finding, root: Path) -> dict[str, str]:
    return {"file": problem.file.relative_to(root).as_posix()} if problem.file else {}


def _judge(environment: Environment) -> Iterator[Defect]:
    cluster = clusters.read(environment.root, environment.name)
    catalogue = read_catalogue(environment.root / CATALOGUE_FILE.relative_to(CATALOGUE_FILE.parents[2]))
    made = origins(environment, catalogue)
    yield from references.check(environment, made, cluster)
    yield from waves.check(environment, made)
    yield from policy.check(environment)
    yield from metrics.check(environment)
    insecure = engines.pod_security(environment.pods)
    yield from insecure
    environment.malformed |= {defect.resource.key for defect in insecure if defect.rule == "LH201"}
    for defect in engines.kube_score(environment):
        if defect.rule == "LH201":
            environment.malformed.add(defect.resource.key)
        yield defect


def _for_each(defects: Iterable[Defect], found: list[Environment]) -> Iterator[tuple[str, Defect]]:
    """Gives what was found once, by content, to each environment that has the same resource."""
    by_key: dict[str, list[Defect]] = {}
    for defect in defects:
        by_key.setdefault(defect.resource.key, []).append(defect)
    for environment in found:
        for resource in environment.everything:
            for defect in by_key.get(resource.key, ()):
                yield environment.name, Defect(defect.rule, defect.message, resource, defect.path)


def _build_findings(found: list[Environment]) -> list[Finding]:
    return [
        Finding(problem.rule, problem.message, (environment.name,), "", problem.file, problem.line)
        for environment in found
        for build in environment.builds
        for problem in build.problems
    ]


def _locate(defects: list[tuple[str, Defect]]) -> Iterator[Finding]:
    sources: dict[str, SourceMap] = {}
    for name, defect in defects:
        file, line = sources.setdefault(name, SourceMap()).locate(defect.resource, defect.path)
        yield Finding(defect.rule, defect.message, (name,), str(defect.resource), file, line)


def _sorted(findings: list[Finding], root: Path) -> list[Finding]:
    """Findings by place; one that several environments share is one finding."""
    merged: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        key = (finding.rule, finding.message, finding.file, finding.line)
        other = merged.get(key)
        names = tuple(dict.fromkeys((other.environments if other else ()) + finding.environments))
        merged[key] = Finding(finding.rule, finding.message, names, finding.resource, finding.file, finding.line)
    return sorted(
        merged.values(),
        key=lambda finding: (str(finding.file or root), finding.line or 0, finding.rule, finding.message),
    )


def _tracked(root: Path) -> list[Path]:
    """The files of the checkout that git knows or would take; those below the manifests where git is not in use."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        names = [name.decode("utf-8", "surrogateescape") for name in done.stdout.split(b"\0") if name]
        files = [root / name for name in names]
    else:
        files = [path for folder in exemptions.FOLDERS for path in sorted((root / folder).rglob("*"))]
    return [path for path in files if path.is_file() and not path.is_symlink()]


def _unused_files(root: Path, found: list[Environment]) -> list[Finding]:
    """Manifests that no kustomization reads; components that no overlay has switched on are read by themselves."""
    used = {
        path.resolve() for environment in found for build in environment.builds for path in build.unit.tree.files
    }
    findings: list[Finding] = []
    files = [path for folder in exemptions.FOLDERS for path in sorted((root / folder).rglob("*.y*ml"))]
    for path in files:
        if path.name in KUSTOMIZATION_NAMES and path.resolve() not in used and _is_component(path):
            tree = walk(path.parent)
            used |= {file.resolve() for file in tree.files}
            findings += [
                Finding(item.rule, item.message, (), "", item.file, item.line)
                for item in (*tree.problems, *tree.syntax_problems())
            ]
    used |= {path.resolve() for environment in found for path in aggregates(root, environment.name)}
    for path in files:
        if path.resolve() in used or _is_ours(path, root) or path.stem.endswith("_test"):
            continue
        message = f"{path.relative_to(root)} is not used by any environment or component."
        findings.append(Finding("LH109", message, (), "", path, 1))
    return findings


def _is_ours(path: Path, root: Path) -> bool:
    """Whether a file is not for kustomize but for this validation."""
    return path.name == EXEMPTIONS or (path.name == clusters.FILE and path.parent.parent == root / OVERLAYS)


def _is_component(file: Path) -> bool:
    try:
        documents = parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YamlError):
        return False
    return (
        bool(documents) and isinstance(documents[0].value, dict) and documents[0].value.get("kind") == "Component"
    )
