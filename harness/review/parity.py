"""Parity: the differences between two environments, and whether a change increases them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from harness.manifests.applications.application import Application
from harness.manifests.exemptions import FILE, Exemption, read
from harness.manifests.expected import DIFFERENT, MISSING, reason_for
from harness.manifests.generated_names import Names, generated_names
from harness.manifests.resource import Identity, Resource
from harness.manifests.settings import Settings
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import same
from harness.review.fieldpath import FieldPath, Inside, Key
from harness.review.fields import compare, unmatched
from harness.review.model import Difference, DifferenceStatus, Parity
from harness.review.pair import ReviewedResource, pair, parse

Differences = dict[tuple[Identity, str], Difference]


class Declared:
    """The expected differences: built in, configured, or exempted."""

    def __init__(self, snapshot: Tree, settings: Settings, environments: tuple[str, str]) -> None:
        self._settings = settings
        self._exemptions = list(_exemptions(snapshot))
        self._environments = environments

    def reason(self, identity: Identity, path: FieldPath, text: str) -> str:
        """Why a difference is expected; empty if it is undeclared."""
        for expected in self._settings.parity:
            if expected.covers(identity, text):
                return expected.reason
        plain = "/".join(_plain(step) for step in path)
        rule, sentence = (DIFFERENT, f"{identity} differs in {plain}:") if path else (MISSING, str(identity))
        facts = {"kind": identity.kind, "namespace": identity.namespace, "name": identity.name}
        for exemption in self._exemptions:
            if exemption.covers(rule, sentence, facts, self._environments):
                return exemption.reason
        return reason_for(plain) if path else ""


def _plain(step: Any) -> str:
    if isinstance(step, Key):
        return step.text.partition("=")[2]
    return "0" if isinstance(step, Inside) else str(step)


def _exemptions(snapshot: Tree) -> Iterable[Exemption]:
    for path in snapshot.paths():
        if path.rpartition("/")[2] == FILE:
            try:
                text = snapshot.text(snapshot.resolve(path))
            except (UnreadableError, KeyError):
                continue
            yield from (entry for entry in read(path, text) if isinstance(entry, Exemption))


def differences(
    left: Sequence[Application],
    right: Sequence[Application],
    declared: Declared,
    only: frozenset[str] | None = None,
    passwords: frozenset[str] = frozenset(),
) -> Differences:
    built = [_resources(applications, only) for applications in (left, right)]
    shared = Counter(item.text for _, item in built[0]) & Counter(item.text for _, item in built[1])
    sides: list[list[ReviewedResource]] = []
    names: list[Names] = []
    for side in built:
        bare = generated_names(item for _, item in side)
        names.append(bare)
        resources: list[ReviewedResource] = []
        for index in unmatched((item.text for _, item in side), shared.elements()):
            application, item = side[index]
            resources += parse([item], application.name, application.namespace, bare)
        sides.append(resources)
    by_field: Differences = {}
    for matched in pair(*sides):
        if matched.before is None or matched.after is None or matched.before.identity != matched.after.identity:
            for lone, here, there in ((matched.before, "has it", None), (matched.after, None, "has it")):
                if lone is not None:
                    reason = declared.reason(lone.identity, (), "")
                    by_field[lone.identity, ""] = Difference(lone.identity, "", here, there, reason)
            continue
        identity = matched.after.identity
        compared = compare(matched.before.value, matched.after.value, names[0], names[1], passwords)
        for change, path in zip(compared.changes, compared.paths, strict=True):
            reason = declared.reason(identity, path, change.path)
            by_field[identity, change.path] = Difference(
                identity, change.path, change.before, change.after, reason, secret=change.secret
            )
    return by_field


def _resources(
    applications: Sequence[Application], only: frozenset[str] | None
) -> list[tuple[Application, Resource]]:
    resources = [(application, item) for application in applications for item in application.resources()]
    if only is None:
        return resources
    pattern = re.compile(r"^\s+name: [\"']?(\S+?)[\"']?$", re.MULTILINE)
    return [
        (application, item)
        for application, item in resources
        if any(name in only or name.rpartition("-")[0] in only for name in pattern.findall(item.text))
    ]


def parity(left: str, right: str, before: Differences | None, after: Differences) -> Parity:
    """The differences between two environments, with the effect of the change on them."""
    items: list[Difference] = []
    for key, item in after.items():
        old = before.get(key) if before is not None else item
        kept = old is not None and same(old.left, item.left) and same(old.right, item.right)
        status = DifferenceStatus.SAME if kept else DifferenceStatus.CHANGED if old else DifferenceStatus.NEW
        items.append(replace(item, status=status))
    gone = [item for key, item in (before or {}).items() if key not in after]
    items += [replace(item, status=DifferenceStatus.GONE) for item in gone]
    items.sort(key=lambda item: (bool(item.reason), item.status is DifferenceStatus.SAME, item.identity, item.path))
    return Parity(left, right, tuple(items), None if before is None else _drift(before), _drift(after))


def _drift(differing: Differences) -> int:
    return sum(not item.reason for item in differing.values())
