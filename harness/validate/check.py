"""Validates environments: builds them, evaluates all rules, drops exempted findings, and looks up locations."""

import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.manifests import cluster as clusters
from harness.manifests.builder import build_all
from harness.manifests.catalogue import Catalogue
from harness.manifests.catalogue import of_checkout as catalogue_of
from harness.manifests.environments import environments as known_environments
from harness.manifests.environments import roots
from harness.manifests.exemptions import Exemption
from harness.manifests.git_urls import GITHUB
from harness.manifests.settings import of_checkout
from harness.validate import building, engines, exemptions, metrics, parity, policy, references, schemas, waves
from harness.validate.finding import Finding, Violation
from harness.validate.locations import Locations
from harness.validate.model import Environment
from harness.validate.model import environment as collect
from harness.validate.rules import RULES
from harness.validate.secrets import origins


@dataclass
class Report:
    """The result of a validation.

    Attributes:
        findings: Every finding that no exemption covers, by file and line.
        exempted: How many findings exemptions cover.
        incomplete: Environments of which a part could not be built.
    """

    root: Path
    environments: list[str]
    resources: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    exempted: int = 0
    incomplete: list[str] = field(default_factory=list)
    seconds: float = 0.0


def validate(root: Path, names: Sequence[str] = (), *, hosts: Collection[str] = (GITHUB,)) -> Report:
    """Validates environments of a checkout; all of them when none is named.

    Raises:
        HarnessError: There is no such environment, or a tool is unavailable.
    """
    start = time.perf_counter()
    everything = known_environments(root)
    chosen = list(names) or everything
    if not chosen:
        return Report(root, [])
    parts = {name: roots(root, name) for name in chosen}
    builds = iter(build_all([part for name in chosen for part in parts[name]], hosts=hosts))
    environments = [collect(name, root, [next(builds) for _ in parts[name]]) for name in chosen]
    report = Report(root, chosen, {environment.name: len(environment.resources) for environment in environments})
    accepted, problems = exemptions.read(root, RULES)
    reference = of_checkout(root).reference
    problems += building.findings(environments)
    report.incomplete = [
        environment.name for environment in environments if any(build.problems for build in environment.builds)
    ]
    complete = set(chosen) >= set(everything)
    catalogue = catalogue_of(root)
    with ThreadPoolExecutor(2) as pool:
        leaks = pool.submit(engines.credentials, root, _tracked(root))
        everyone = {resource.key: resource for environment in environments for resource in environment.everything}
        broken = schemas.check(list(everyone.values()))
        for environment in environments:
            environment.malformed = {
                violation.resource.key for violation in broken if violation.rule is schemas.LH201
            }
        violations = list(pool.map(lambda environment: list(_judge(environment, catalogue)), environments))
        problems += leaks.result()
    judged = [
        (environment.name, violation)
        for environment, list_ in zip(environments, violations, strict=True)
        for violation in list_
    ]
    judged += _for_each(broken, environments)
    judged += parity.check(environments, reference)
    if complete:
        problems += building.unused_files(root, environments)
        problems += parity.undeclared(root, everything, reference)
    unclear = {*report.incomplete, *(environment.name for environment in environments if environment.malformed)}
    judged = [
        (name, violation) for name, violation in judged if not (violation.rule.is_about_absence and name in unclear)
    ]
    left = [
        (name, violation)
        for name, violation in judged
        if not _covered(accepted, name, violation.rule.id, violation.message, _facts(violation))
    ]
    problems = [
        problem
        for problem in problems
        if not _covered(accepted, "", problem.rule, problem.message, _file(problem, root))
    ]
    report.exempted = len(judged) - len(left)
    if not report.incomplete and complete:
        problems += exemptions.unused(accepted, set(chosen), root)
    report.findings = _sorted([*problems, *_locate(left, root)], root)
    report.seconds = time.perf_counter() - start
    return report


def _covered(accepted: list[Exemption], environment: str, rule: str, message: str, facts: dict[str, str]) -> bool:
    # Each is asked, not the first that agrees: all that apply are in use.
    covering = [one for one in accepted if one.covers(rule, message, facts, (environment,))]
    return bool(covering)


def _facts(violation: Violation) -> dict[str, str]:
    return {
        "kind": violation.resource.kind,
        "namespace": violation.resource.namespace,
        "name": violation.resource.name,
    }


def _file(problem: Finding, root: Path) -> dict[str, str]:
    return {"file": problem.file.relative_to(root).as_posix()} if problem.file else {}


def _judge(environment: Environment, catalogue: Catalogue) -> Iterator[Violation]:
    cluster = clusters.read(environment.root, environment.name)
    made = origins(environment, catalogue)
    yield from references.check(environment, made, cluster)
    yield from waves.check(environment, made)
    yield from policy.check(environment)
    yield from metrics.check(environment)
    insecure = engines.pod_security(environment.pods)
    yield from insecure
    environment.malformed |= {violation.resource.key for violation in insecure if violation.rule is schemas.LH201}
    for violation in engines.kube_score(environment):
        if violation.rule is schemas.LH201:
            environment.malformed.add(violation.resource.key)
        yield violation


def _for_each(violations: Iterable[Violation], environments: list[Environment]) -> Iterator[tuple[str, Violation]]:
    """Repeats a violation for each environment that has the same resource."""
    by_key: dict[str, list[Violation]] = {}
    for violation in violations:
        by_key.setdefault(violation.resource.key, []).append(violation)
    for environment in environments:
        for resource in environment.everything:
            for violation in by_key.get(resource.key, ()):
                yield environment.name, Violation(violation.rule, violation.message, resource, violation.path)


def _locate(violations: list[tuple[str, Violation]], root: Path) -> Iterator[Finding]:
    locations: dict[str, Locations] = {}
    for name, violation in violations:
        location = locations.setdefault(name, Locations()).locate(violation.resource, violation.path)
        file, resource = root / location.file, str(violation.resource)
        yield Finding(violation.rule.id, violation.message, (name,), resource, file, location.line)


def _sorted(findings: list[Finding], root: Path) -> list[Finding]:
    """Findings by location; those that environments share are merged."""
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
    """The files that git tracks or would add; without git, the manifests."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        names = [name.decode("utf-8", "surrogateescape") for name in done.stdout.split(b"\0") if name]
        files = [root / name for name in names]
    else:
        files = [path for folder in exemptions.FOLDERS for path in sorted((root / folder).rglob("*"))]
    return [path for path in files if path.is_file() and not path.is_symlink()]
