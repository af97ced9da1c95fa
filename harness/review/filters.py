"""Limits a review to what its reader asks for, leaves out what the base says to ignore, and counts both."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.errors import UsageError
from harness.manifests.kubernetes_yaml import load
from harness.manifests.patterns import matches
from harness.manifests.resource import Identity
from harness.manifests.settings import Expected
from harness.manifests.values import dig
from harness.review.model import (
    ApplicationReview,
    ChangeKind,
    EnvironmentReview,
    HiddenChanges,
    Level,
    Note,
    ResourceChange,
    Review,
    Risk,
)
from harness.review.permissions import ENVIRONMENT

OUTSIDE: Final = "outside the filter"
IGNORED: Final = "ignored"
_KEY: Final = r"[\w./-]+"
_REQUIREMENT: Final = re.compile(
    rf"!\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})(?:\s*(?P<sign>==?|!=)\s*(?P<value>[\w.-]*)|\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\))?"
)


@dataclass(frozen=True)
class Requirement:
    """One condition of a label selector: a label has one of some values, or any if `values` is None."""

    text: str
    key: str
    values: frozenset[str] | None
    negated: bool

    def __str__(self) -> str:
        return self.text

    def holds(self, labels: Mapping[str, Any]) -> bool:
        there = self.key in labels and (self.values is None or str(labels[self.key]) in self.values)
        return there is not self.negated


def parse_selector(text: str) -> list[Requirement]:
    """Reads a label selector as kubectl takes it.

    >>> [item.holds({"app": "web"}) for item in parse_selector("app in (web, api), tier!=db, !old")]
    [True, True, True]

    Raises:
        UsageError: It is none.
    """
    requirements = []
    for part in re.split(r",(?![^(]*\))", text) if text.strip() else ():
        match = _REQUIREMENT.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"--selector takes labels such as 'app=web,tier in (a,b),!old', not {part.strip()!r}.")
        values = match["values"].split(",") if match["word"] else [match["value"]] if match["sign"] else None
        requirements.append(
            Requirement(
                part.strip(),
                match["absent"] or match["key"],
                None if values is None else frozenset(value.strip() for value in values),
                negated=bool(match["absent"]) or match["sign"] == "!=" or match["word"] == "notin",
            )
        )
    return requirements


@dataclass(frozen=True)
class Filters:
    """The changes that a reader asks for: of each option that is given, one pattern has to fit.

    Attributes:
        path: Folders or patterns, for the file that defines a resource or for its Application's folder.
        kind: `Deployment`, or with its group `Deployment.apps`, in any case.
        selector: All of these have to hold.
    """

    path: Sequence[str] = ()
    kind: Sequence[str] = ()
    name: Sequence[str] = ()
    namespace: Sequence[str] = ()
    selector: Sequence[Requirement] = ()

    def __str__(self) -> str:
        """As on a command line; empty without any."""
        given = [f"--{one.name} {word}" for one in fields(self)[:-1] for word in getattr(self, one.name)]
        return " ".join(given + ([f"--selector {','.join(map(str, self.selector))}"] if self.selector else []))

    def fit(self, application: ApplicationReview, resource: ResourceChange) -> bool:
        """Whether either side of a change is asked for."""
        files = [application.path, *([resource.source.file] if resource.source else [])]
        patterns = [pattern for path in self.path for pattern in (path, f"{path}/**")]
        sides = [(resource.before, resource.before_yaml), (resource.after, resource.after_yaml)]
        return (not patterns or any(matches(file, pattern) for file in files for pattern in patterns)) and any(
            self._fits(identity, text) for identity, text in sides if identity is not None
        )

    def _fits(self, identity: Identity, text: str) -> bool:
        group = identity.api_version.rpartition("/")[0]
        kinds = [identity.kind.lower(), f"{identity.kind}.{group}".lower()]
        return (
            _one_fits(kinds, [kind.lower() for kind in self.kind])
            and _one_fits([identity.name], self.name)
            and _one_fits([identity.namespace], self.namespace)
            and (not self.selector or all(requirement.holds(_labels(text)) for requirement in self.selector))
        )


EVERYTHING: Final = Filters()


def _one_fits(texts: Sequence[str], patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for text in texts for pattern in patterns)


def _labels(manifest: str) -> Mapping[str, Any]:
    labels = dig(load(manifest)[0], "metadata", "labels")
    return labels if isinstance(labels, dict) else {}


def limited(review: Review, filters: Filters, ignored: Sequence[Expected]) -> Review:
    """The review without what is ignored and what is outside the filters, both counted.

    A change of what a review may do is always shown.
    """
    hiding = _Hiding(filters, ignored)
    environments = tuple(
        environment if environment.name == ENVIRONMENT else hiding.limit(environment)
        for environment in review.environments
    )
    if not hiding.hidden:
        return review
    hidden = tuple(
        HiddenChanges(what, why, len(levels), Level(max(levels)) if any(levels) else None)
        for (what, why), levels in sorted(hiding.hidden.items())
    )
    notes = tuple(Note("", "", f"{item}.") for item in hidden)
    return replace(review, environments=environments, hidden=hidden, notes=review.notes + notes)


class _Hiding:
    """Takes changes out of environments.

    Attributes:
        hidden: By what it is and why, the highest level of risk of each change, 0 for none.
    """

    def __init__(self, filters: Filters, ignored: Sequence[Expected]) -> None:
        self._filters = filters
        self._ignored = ignored
        self.hidden: dict[tuple[str, str], list[int]] = defaultdict(list)

    def limit(self, environment: EnvironmentReview) -> EnvironmentReview:
        before = sum(map(len, self.hidden.values()))
        applications = []
        for application in environment.applications:
            resources = [self._limit(application, resource) for resource in application.resources]
            shown = tuple(resource for resource in resources if resource is not None)
            if shown or not application.resources:
                applications.append(replace(application, resources=shown))
        identities = {
            identity
            for application in applications
            for resource in application.resources
            for identity in (resource.before, resource.after)
        }
        return replace(
            environment,
            applications=tuple(applications),
            images=tuple(row for row in environment.images if not identities.isdisjoint(row.resources)),
            hidden=sum(map(len, self.hidden.values())) - before,
        )

    def _limit(self, application: ApplicationReview, resource: ResourceChange) -> ResourceChange | None:
        if not self._filters.fit(application, resource):
            self._hide(OUTSIDE, str(self._filters), resource.risks)
            return None
        if reason := self._reason(resource, ""):
            self._hide(IGNORED, reason, resource.risks)
            return None
        reasons = [self._reason(resource, change.path) for change in resource.fields]
        if not any(reasons):
            return resource
        whole = resource.change is ChangeKind.CHANGED and all(reasons)
        shown = []
        for change, reason in zip(resource.fields, reasons, strict=True):
            if reason:
                risks = [risk for risk in resource.risks if whole or risk.path == change.path]
                self._hide(IGNORED, reason, risks)
            else:
                shown.append(change)
        if whole:
            return None
        ignored = {change.path for change in resource.fields} - {change.path for change in shown}
        risks = [risk for risk in resource.risks if risk.path not in ignored]
        return replace(resource, fields=tuple(shown), risks=tuple(risks))

    def _reason(self, resource: ResourceChange, path: str) -> str:
        """Why a field is ignored, or the whole resource if `path` is empty; empty if it is not."""
        sides = [identity for identity in (resource.before, resource.after) if identity is not None]
        return next(
            (item.reason for item in self._ignored if all(item.covers(identity, path) for identity in sides)), ""
        )

    def _hide(self, what: str, why: str, risks: Iterable[Risk]) -> None:
        self.hidden[what, why].append(max((risk.level for risk in risks), default=0))
