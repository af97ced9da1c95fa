"""Validates environments: builds them, evaluates all rules, drops exempted findings, and looks up locations."""

import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from harness.errors import unknown
from harness.manifests import cluster
from harness.manifests.applications.argocd import WAVE
from harness.manifests.catalogue import Catalogue
from harness.manifests.catalogue import of_checkout as catalogue_of
from harness.manifests.cluster import Cluster
from harness.manifests.exemptions import Exemption
from harness.manifests.git_urls import GITHUB
from harness.manifests.problem import Problem
from harness.manifests.tree import Tree
from harness.validate import exemptions, groups
from harness.validate.argocd import ignored, lua, projects, waves
from harness.validate.environments import built
from harness.validate.finding import Finding, Violation
from harness.validate.kubernetes import (
    access,
    admission,
    amounts,
    apiserver,
    custom_references,
    defaults,
    engines,
    majors,
    parity,
    policy,
    reach,
    references,
    reflected,
    schemas,
    scratch_volumes,
    watching,
    workloads,
)
from harness.validate.kubernetes.secrets import origins
from harness.validate.kustomize import building, encodings, flux, kustomizations
from harness.validate.locations import Locations
from harness.validate.model import BuiltResource, Environment
from harness.validate.model import environment as collect
from harness.validate.monitoring import configuration, dashboards, grafana_settings, metrics, provisioning, scraping
from harness.validate.programs import (
    airflow,
    airflow_commands,
    aws,
    buckets,
    external_secrets,
    flags,
    image_files,
    java,
    pipeline,
    spark,
)
from harness.validate.rules import RULES
from harness.validate.texts import files, formats, placeholders, readers, scripts, unread

_COMPLETED: Final = re.compile(r": Required value|: got null, want |: missing propert")
"""What patches complete, or the namespace of a kustomization: neither is applied where a remote base is missing."""


@dataclass
class Report:
    """The result of a validation.

    Attributes:
        findings: Every finding that no exemption covers, by file and line.
        exempted: How many findings exemptions cover.
        incomplete: Environments of which a part could not be built.
        not_built: What else its Applications and roots deploy, as sentences.
        not_judged: What else was not judged, as a sentence for each environment.
        not_asked: The rules that the checkout's settings do not ask for.
    """

    root: Path
    environments: list[str]
    resources: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    exempted: int = 0
    incomplete: list[str] = field(default_factory=list)
    not_built: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_partial(self) -> bool:
        return bool(self.incomplete or self.not_built or self.not_judged)


def validate(
    root: Path, names: Sequence[str] = (), *, hosts: Collection[str] = (GITHUB,), options: Sequence[str] = ()
) -> Report:
    """Validates environments of a checkout; all of them when none is named.

    Raises:
        HarnessError: There is no such environment, or a tool is unavailable.
    """
    start = time.perf_counter()
    tree = built(root, names, hosts, options)
    everything = sorted(tree.environments)
    for name in names:
        if name not in everything:
            raise unknown("environment", name, everything)
    chosen = list(names) or everything
    if not chosen:
        return Report(root, [])
    settings = tree.settings
    rules = groups.asked(settings.rules)
    alike: dict[bytes, BuiltResource] = {}
    environments = [collect(name, root, tree.environments[name], alike) for name in chosen]
    report = Report(root, chosen, {environment.name: len(environment.resources) for environment in environments})
    report.not_asked = sorted(RULES.keys() - rules)
    accepted, problems = exemptions.read(tree, root, RULES)
    reference = settings.reference
    problems += building.findings(environments) + building.special_files(tree.tree, root)
    report.not_built = building.not_built(environments, rules)
    report.incomplete = [
        environment.name for environment in environments if environment.not_built or environment.is_broken
    ]
    clusters = {name: cluster.read(root, name) for name in chosen}
    unread_clusters = {name: problem for name, problem in clusters.items() if isinstance(problem, Problem)}
    problems += [building.finding(problem, root, (name,)) for name, problem in unread_clusters.items()]
    complete = set(chosen) >= set(everything)
    catalogue = catalogue_of(root)
    with ThreadPoolExecutor(2) as pool:
        leaks = pool.submit(engines.credentials, root, _files(tree.tree))
        everyone = {resource.key: resource for environment in environments for resource in environment.everything}
        broken = schemas.check(list(everyone.values()))
        refused = apiserver.check(list(everyone.values()), broken)
        removed = {violation.resource.key for violation in refused if violation.path == apiserver.VERSION}
        broken = [item for item in broken if item.rule is not schemas.LH202 or item.resource.key not in removed]
        broken += refused
        variable = flux.unsubstituted(environments, broken)
        unknown_values = {resource.key for resource in variable}
        broken = [violation for violation in broken if violation.resource.key not in unknown_values]
        for environment in environments:
            environment.malformed = schemas.malformed(broken)
        operators = schemas.custom_schemas(list(everyone.values()))
        violations = list(
            pool.map(
                lambda one: list(_judge(one, rules, catalogue, _known(clusters[one.name]), operators)), environments
            )
        )
        too_large = {problem.file for problem in problems if problem.rule == building.LH106.id}
        problems += [
            leak
            for leak in leaks.result()
            if leak.file not in too_large or not leak.message.endswith(engines.NOT_SEARCHED)
        ]
    judged = [
        (environment.name, violation)
        for environment, list_ in zip(environments, violations, strict=True)
        for violation in list_
    ]
    judged += _for_each(broken, environments)
    judged += parity.check(environments, reference)
    judged += majors.check(environments, reference)
    problems += kustomizations.findings(environments, complete=complete)
    problems += [finding for environment in environments for finding in kustomizations.reach(environment)]
    if complete:
        if building.LH109.id in rules:
            problems += building.unused_files(root, environments, tree)
        problems += parity.undeclared(root, everything, reference)
    by_name = {environment.name: environment for environment in environments}
    settings_refused = {violation.resource.key for _, violation in judged if violation.rule is spark.LH210}
    unclear = {environment.name: _unclear(environment, report.incomplete) for environment in environments}
    for name in unread_clusters:
        unclear[name] |= {references.LH313.id, references.LH314.id}
    waveless = {name: violation.resource for name, violation in judged if _is_about_wave(violation)}
    for name in waveless:
        unclear[name] |= {waves.LH401.id, waves.LH402.id}
    judged = [
        (name, violation)
        for name, violation in judged
        if violation.rule.id in rules
        and violation.rule.id not in unclear[name]
        and not _is_consequence(violation, by_name[name])
        and not (violation.rule is schemas.LH201 and violation.resource.key in unknown_values)
        and not (_is_of_spark_pod(violation) and violation.resource.key in settings_refused)
    ]
    report.not_judged = [
        _not_judged(environment, unclear[environment.name] & rules)
        for environment in environments
        if environment.unreadable and environment.name not in report.incomplete
    ]
    report.not_judged += [
        f"The wave of {resource} cannot be read, so LH401 and LH402 in {name} were not judged."
        for name, resource in waveless.items()
        if waves.LH401.id in rules
    ]
    report.not_judged += [flux.not_judged(variable)] if variable else []
    report.not_judged += kustomizations.not_judged(environments)
    report.not_judged += [
        f"{problem.location.file} cannot be read, so {references.LH313.id} and {references.LH314.id} in {name} "
        "were not judged."
        for name, problem in unread_clusters.items()
    ]
    left = [
        (name, violation)
        for name, violation in judged
        if not _covered(accepted, name, violation.rule.id, violation.message, _facts(violation.resource))
    ]
    exempted = len(judged) - len(left)
    left, absent = parity.summarised(left, environments)
    problems += absent
    problems = [
        problem
        for problem in problems
        # Of two in one build, kustomize itself refuses the second.
        if problem.rule in {*rules, policy.LH108.id}
        and not _covered(accepted, "", problem.rule, problem.message, _file(problem, root))
    ]
    report.exempted = exempted
    if complete:
        wanted = [one for one in accepted if one.rules <= rules]
        wanted = [one for one in wanted if _was_asked(one, environments, unclear, report.incomplete)]
        if not parity.is_judged(chosen, reference):
            wanted = [one for one in wanted if not one.rules & {parity.LH601.id, parity.LH602.id}]
        problems += exemptions.unused(wanted, root)
    unbuilt = {(problem.file, problem.line) for problem in problems if problem.rule == building.LH101.id}
    located = [
        finding
        for finding in _locate(left, root)
        if finding.rule != unread.LH212.id or (finding.file, finding.line) not in unbuilt
    ]
    report.findings = _sorted([*problems, *located], root)
    report.seconds = time.perf_counter() - start
    return report


def _unclear(environment: Environment, incomplete: Collection[str]) -> set[str]:
    """The rules that an environment cannot be judged by, because a part of it is not known."""
    everything = environment.name in incomplete
    return {
        rule.id
        for rule in RULES.values()
        if rule.is_about_absence and (everything or rule.provided_by & environment.unclear)
    }


def _is_consequence(violation: Violation, environment: Environment) -> bool:
    """Whether a resource lacks something because it is malformed itself."""
    return violation.rule.is_about_absence and not environment.is_readable(violation.resource)


def _is_about_wave(violation: Violation) -> bool:
    return violation.rule is ignored.LH207 and violation.path[-1:] == (WAVE,)


def _is_of_spark_pod(violation: Violation) -> bool:
    """Whether the API server cannot read a pod, which is made of settings that may be to blame."""
    return violation.rule is schemas.LH201 and violation.path[-1:] in (("driver",), ("executor",))


def _not_judged(environment: Environment, rules: set[str]) -> str:
    names = " and ".join(map(str, environment.unreadable))
    is_are, it = ("is", "it") if len(environment.unreadable) == 1 else ("are", "them")
    also = f", and {', '.join(sorted(rules))} in {environment.name}" if rules else ""
    return f"{names} {is_are} malformed, so the rest of {it}{also} was not judged."


def _was_asked(
    exemption: Exemption, environments: list[Environment], unclear: dict[str, set[str]], incomplete: Collection[str]
) -> bool:
    """Whether every rule of an exemption was evaluated for all that it may be about."""
    return not any(
        environment.name in incomplete
        or exemption.rules & unclear[environment.name]
        or any(exemption.is_about(_facts(resource)) for resource in environment.unreadable)
        for environment in environments
        if exemption.environment in ("", environment.name) or exemption.rules & {parity.LH601.id, parity.LH602.id}
    )


def _covered(accepted: list[Exemption], environment: str, rule: str, message: str, facts: dict[str, str]) -> bool:
    # Each is asked, not the first that agrees: all that apply are in use.
    covering = [one for one in accepted if one.covers(rule, message, facts, (environment,))]
    return bool(covering)


def _facts(resource: BuiltResource) -> dict[str, str]:
    return {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name}


def _file(problem: Finding, root: Path) -> dict[str, str]:
    return {"file": problem.file.relative_to(root).as_posix()} if problem.file else {}


def _known(cluster: Cluster | Problem) -> Cluster:
    return cluster if isinstance(cluster, Cluster) else Cluster()


def _judge(
    environment: Environment, rules: Collection[str], catalogue: Catalogue, cluster: Cluster, operators: Path
) -> Iterator[Violation]:
    made = origins(environment, catalogue)
    yield from references.check(environment, made, cluster)
    yield from custom_references.check(environment, made, operators)
    yield from reflected.check(environment, made)
    yield from watching.check(environment)
    without_effect = list(ignored.check(environment))
    yield from without_effect
    if waves.LH401.id in rules and not any(map(_is_about_wave, without_effect)):
        yield from waves.check(environment, made)
    yield from amounts.check(environment)
    yield from scratch_volumes.check(environment)
    yield from access.check(environment, cluster)
    yield from admission.check(environment, cluster)
    yield from defaults.check(environment)
    forms = configuration.files_of(environment)
    read = list(_read(environment, forms))
    yield from read
    refused = {
        (violation.resource, str(violation.path[1])) for violation in read if violation.rule is configuration.LH204
    } & {file for file, form in forms.items() if form == "prometheus"}
    targets = scraping.targets_of(environment, refused)
    yield from reach.check(environment, cluster, targets)
    # What a configuration discovers is not known until Prometheus takes it.
    yield from [] if refused else scraping.check(environment, targets)
    yield from external_secrets.check(environment, catalogue)
    yield from placeholders.check(environment)
    yield from aws.check(environment)
    yield from buckets.check(environment)
    yield from workloads.check(environment, made)
    yield from policy.check(environment)
    yield from projects.check(environment, cluster)
    yield from metrics.check(environment)
    yield from encodings.check(environment)
    yield from formats.check(environment)
    yield from airflow.check(environment)
    yield from airflow_commands.check(environment)
    yield from unread.check(environment)
    yield from spark.check(environment)
    yield from java.check(environment)
    yield from image_files.check(environment)
    yield from pipeline.check(environment)
    yield from lua.check(environment)
    yield from dashboards.check(environment)
    yield from provisioning.check(environment)
    yield from grafana_settings.check(environment)
    yield from files.check(environment, made)
    yield from flags.check(environment)
    if engines.LH511.id in rules:
        insecure = engines.pod_security(environment.pods)
        yield from insecure
        environment.malformed |= {
            violation.resource.key: [()] for violation in insecure if violation.rule is schemas.LH201
        }
    for violation in engines.kube_score(environment):
        if violation.rule is schemas.LH201:
            environment.malformed[violation.resource.key] = [()]
        yield violation


def _read(environment: Environment, files: configuration.Files) -> Iterator[Violation]:
    yield from readers.judge(
        [
            *configuration.readings(environment, files),
            *lua.readings(environment),
            *scripts.readings(environment),
            *dashboards.readings(environment),
            *ignored.readings(environment),
            *external_secrets.readings(environment),
        ],
        configuration.knowledge(environment, files),
        configuration.LH205,
    )


def _for_each(violations: Iterable[Violation], environments: list[Environment]) -> Iterator[tuple[str, Violation]]:
    """Repeats a violation for each environment that has the same resource."""
    by_key: dict[str, list[Violation]] = {}
    for violation in violations:
        by_key.setdefault(violation.resource.key, []).append(violation)
    for environment in environments:
        for resource in environment.everything:
            for violation in by_key.get(resource.key, ()):
                if not (resource.build.as_written and _COMPLETED.search(violation.message)):
                    yield environment.name, replace(violation, resource=resource)


def _locate(violations: list[tuple[str, Violation]], root: Path) -> Iterator[Finding]:
    """Looks up where violations are.

    Those of one entry of `images`, of one replaced value, or of one line of several resources, are one finding.
    """
    locations: dict[str, Locations] = {}
    of_source: dict[tuple[str, ...], list[Finding]] = {}
    for name, violation in violations:
        known = locations.setdefault(name, Locations())
        location = known.locate(violation.resource, violation.path, violation.line)
        file, resource = root / location.file, str(violation.resource)
        finding = Finding(violation.rule.id, violation.message, (name,), resource, file, location.line)
        kustomizations_read = violation.resource.build.root.inputs.kustomizations
        is_image = violation.path[-1:] == ("image",) and location.file in kustomizations_read
        # The same sentence about several resources: what they have in common says so once.
        said = "" if is_image or known.is_source(location) else violation.message.replace(resource, "")
        alike = of_source.setdefault((name, violation.rule.id, str(location), said), [])
        if not said or finding not in alike:
            alike.append(finding)
    for first, *others in of_source.values():
        more = f" (and {len(others)} more)" if others else ""
        yield replace(first, message=f"{first.message.removesuffix('.')}{more}.")


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


def _files(tree: Tree) -> list[str]:
    return [path for path in tree.paths() if tree.is_file(path)]
