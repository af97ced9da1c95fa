"""Parity: resources that an environment lacks, and unexpected differences.

What differs beyond the expected differences needs an exemption, whose reason then documents it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from harness.manifests.build import Build
from harness.manifests.environments import overlay_folder
from harness.manifests.expected import DIFFERENT, MISSING, reason_for
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import Step, YamlError, load, untagged
from harness.manifests.settings import FILE as SETTINGS
from harness.manifests.values import dig
from harness.validate.finding import Finding, Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH601: Final = ValidationRule(
    MISSING,
    "A resource is in every environment",
    "It is tested in one environment only.",
)
LH602: Final = ValidationRule(
    DIFFERENT, "Environments differ only in expected ways", "Drift first shows in production."
)
LH603: Final = ValidationRule(
    "LH603",
    "A reference environment is declared",
    "Without it, parity cannot say which of two environments deviates.",
)

_SHOWN: Final = 60
_MOST_DIFFERENCES: Final = 20
_NOTHING: Final = object()


def undeclared(root: Path, environments: Sequence[str], reference: str) -> Iterator[Finding]:
    """The finding that no reference environment is declared."""
    if len(environments) < 2 or reference in environments:
        return
    said = f"names {reference}, which does not exist" if reference else "is not declared"
    message = f"The reference environment {said}: set reference-environment in [tool.harness] of {SETTINGS}."
    yield Finding(LH603.id, message, file=root / SETTINGS, line=1)


def check(environments: Sequence[Environment], reference: str) -> Iterator[tuple[str, Violation]]:
    """Compares environments with the reference environment; yields (violating environment, violation)."""
    environments = sorted(environments, key=lambda environment: environment.name != reference)
    if not is_judged([environment.name for environment in environments], reference):
        return
    failed = {
        (environment.name, build.root.name)
        for environment in environments
        for build in environment.builds
        if build.problems
    }
    tables = [{resource.identity: resource for resource in environment.resources} for environment in environments]
    for identity in sorted({identity for table in tables for identity in table}):
        there = [
            (environment, table.get(identity)) for environment, table in zip(environments, tables, strict=True)
        ]
        having = [(environment.name, resource) for environment, resource in there if resource is not None]
        name, resource = having[0]
        # A root that cannot be built is reported, not what it would hold.
        lacking = [
            environment.name
            for environment, lacked in there
            if lacked is None
            and not {(environment.name, resource.build.root.name), (environment.name, environment.name)} & failed
        ]
        if lacking:
            has = " and ".join(name for name, _ in having)
            yield name, Violation(LH601, f"{has} has {resource}, {' and '.join(lacking)} does not.", resource)
        for other, candidate in having[1:]:
            for path, left, right in differences(resource.value, candidate.value):
                message = (
                    f"{candidate} differs in {'/'.join(map(str, path))}: {name} has {left}, {other} has {right}."
                )
                yield other, Violation(LH602, message, candidate, path)


def is_judged(environments: Sequence[str], reference: str) -> bool:
    return len(environments) > 1 and reference in environments


def summarised(
    violations: Sequence[tuple[str, Violation]], environments: Sequence[Environment]
) -> tuple[list[tuple[str, Violation]], list[Finding]]:
    """The violations with those of a resource that differs in much as one, and a finding for each lacking root."""
    by_name = {environment.name: environment for environment in environments}
    identities = {
        environment.name: {resource.identity for resource in environment.resources} for environment in environments
    }
    siblings: dict[Build, set[tuple[str, str, str, str]]] = {}
    for resource in (one for environment in environments for one in environment.resources):
        siblings.setdefault(resource.build, set()).add(resource.identity)
    without = {
        build: [other for other, present in identities.items() if len(own) > 1 and present.isdisjoint(own)]
        for build, own in siblings.items()
    }
    whole: dict[tuple[str, str], list[BuiltResource]] = {}
    rest: list[tuple[str, Violation]] = []
    for name, violation in _folded(violations):
        build = violation.resource.build
        lacking = without[build] if violation.rule is LH601 else []
        for other in lacking:
            whole.setdefault((other, build.root.name if identities[other] else ""), []).append(violation.resource)
        if not lacking:
            rest.append((name, violation))
    findings = []
    for (name, root), resources in whole.items():
        what = f"none of the resources of {root}" if root else "no resources"
        message = f"{name} has {what}: others have {len(resources)}, such as {resources[0]}."
        file = next((by_name[name].root / overlay_folder(name)).glob("[kK]ustomization*"), None)
        findings.append(Finding(LH601.id, message, (name,), file=file, line=1))
    return rest, findings


def _folded(violations: Sequence[tuple[str, Violation]]) -> Iterator[tuple[str, Violation]]:
    """The violations; of a resource that differs in more fields than anyone would exempt, one for all of them."""
    differing = Counter(violation.resource for _, violation in violations if violation.rule is LH602)
    told: set[BuiltResource] = set()
    for name, violation in violations:
        count = differing[violation.resource] if violation.rule is LH602 else 0
        if count <= _MOST_DIFFERENCES:
            yield name, violation
        elif violation.resource not in told:
            told.add(violation.resource)
            more = f"{violation.message.removesuffix('.')}; {count - 1:,} more of its fields differ."
            yield name, replace(violation, message=more)


def differences(left: Any, right: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], str, str]]:
    """The unexpected differences of two resources: (path, left, right), shortened."""
    if left == right or reason_for("/".join(map(str, path))):
        return
    left, right = _manifest(left, path), _manifest(right, path)
    if _NOTHING in (left, right) and (isinstance(left, dict) or isinstance(right, dict)):
        left, right = ({} if value is _NOTHING else value for value in (left, right))
    if isinstance(left, list) and isinstance(right, list):
        named = _by_name(left), _by_name(right)
        if named[0] is not None and named[1] is not None:
            left, right = named
        elif len(left) == len(right):
            left, right = dict(enumerate(left)), dict(enumerate(right))
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys(), key=str):
            step = key if isinstance(key, int) else str(key)
            yield from differences(left.get(key, _NOTHING), right.get(key, _NOTHING), (*path, step))
    elif _plain(left) != _plain(right):
        yield path, _short(left), _short(right)


def _manifest(value: Any, path: tuple[Step, ...]) -> Any:
    """Parses a manifest in a ConfigMap, because it may differ where other manifests may."""
    if (
        isinstance(value, str)
        and "\n" in value
        and path[:1] == ("data",)
        and str(path[-1]).endswith((".yaml", ".yml"))
    ):
        try:
            return load(untagged(value))
        except YamlError:
            return value
    return value


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """A list of named items as a mapping, to ignore their order; None for other lists."""
    named: dict[str, Any] = {}
    for item in items:
        name = dig(item, "name") or dig(item, "metadata", "name")
        if not isinstance(name, str) or name in named:
            return None
        named[name] = item
    return named


def _plain(value: Any) -> str:
    """A value as text, with generated names bare."""
    return HASH.sub("", value) if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    line = " ".join(_plain(value).split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
