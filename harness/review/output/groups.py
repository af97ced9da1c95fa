"""Groups what several environments share, so that each format shows it once."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.manifests.resource import Identity
from harness.review.model import (
    ApplicationReview,
    BuildProblem,
    ChangeKind,
    Difference,
    DifferenceStatus,
    EnvironmentReview,
    Level,
    Parity,
    ResourceChange,
    Review,
    Risk,
)

_MOST_NAMES: Final = 3


@dataclass(frozen=True)
class Entry:
    """A changed resource with its environment and Application.

    Attributes:
        same_as: Name of an earlier environment where exactly the same changes; empty for none.
    """

    environment: str
    application: ApplicationReview
    resource: ResourceChange
    same_as: str = ""


@dataclass(frozen=True)
class RiskGroup:
    """A risk and the environments that have it.

    Attributes:
        resource: The resource of the first environment.
        application: The Application there.
    """

    risk: Risk
    resource: ResourceChange
    application: ApplicationReview
    environments: tuple[str, ...]


@dataclass(frozen=True)
class ProblemGroup:
    """A problem, and everything that it keeps from being built.

    Attributes:
        problem: The first one; others with the same cause may name another file or address.
        roots: Environment and Application of each.
    """

    problem: BuildProblem
    roots: tuple[str, ...]

    @property
    def subject(self) -> str:
        more = len(self.roots) - _MOST_NAMES
        return ", ".join(self.roots[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")

    @property
    def location(self) -> str:
        line = f":{self.problem.line}" if self.problem.line else ""
        return f"{self.problem.file}{line}" if self.problem.file else ""


@dataclass(frozen=True)
class ImageGroup:
    """A replaced image and the workloads that run it.

    Attributes:
        resources: The workloads that run it, of all environments.
    """

    before: str
    after: str
    note: str
    resources: tuple[Identity, ...]
    environments: tuple[str, ...]


def entries(review: Review) -> list[Entry]:
    """Every changed resource in the review's order; a repetition names the earlier environment."""
    first: dict[str, str] = {}
    listed = []
    for environment, application, resource in review.walk():
        seen = first.setdefault(_content(resource, environment.name), environment.name)
        listed.append(Entry(environment.name, application, resource, seen if seen != environment.name else ""))
    return listed


def _content(resource: ResourceChange, environment: str) -> str:
    """What happens to a resource, the same in environments that differ in their names alone."""
    whole = resource.change in (ChangeKind.ADDED, ChangeKind.REMOVED)
    content = (
        resource.change,
        resource.before,
        resource.after,
        resource.moved_from,
        resource.fields,
        resource.risks,
        (resource.before_yaml, resource.after_yaml) if whole else None,
    )
    return _neutral(repr(content), environment)


def _neutral(text: str, environment: str) -> str:
    """A text without the name of its environment: `web-dev/shop` and `web-prod/shop` are one in dev and prod."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])", "\0", text)


def risk_groups(review: Review) -> list[RiskGroup]:
    environments_of: dict[tuple[str, ...], list[str]] = {}
    place: dict[tuple[str, ...], tuple[Risk, ResourceChange, ApplicationReview]] = {}
    for environment, application, resource, risk in review.risks:
        texts = (risk.rule, risk.sentence, risk.path, resource.title)
        key = tuple(_neutral(text, environment.name) for text in texts)
        place.setdefault(key, (risk, resource, application))
        names = environments_of.setdefault(key, [])
        if environment.name not in names:
            names.append(environment.name)
    return [RiskGroup(*place[key], tuple(names)) for key, names in environments_of.items()]


def image_groups(review: Review) -> list[ImageGroup]:
    users: dict[tuple[str, str, str], tuple[dict[Identity, None], dict[str, None]]] = {}
    for environment in review.environments:
        for image in environment.images:
            resources, names = users.setdefault((image.before, image.after, image.note), ({}, {}))
            resources.update(dict.fromkeys(image.resources))
            names[environment.name] = None
    return [ImageGroup(*key, tuple(resources), tuple(names)) for key, (resources, names) in users.items()]


def shown(environment: EnvironmentReview) -> list[ApplicationReview]:
    """The Applications that changed, or whose resources did, beyond what is folded."""
    return [
        application
        for application in environment.applications
        if application.resources
        or application.change is not ChangeKind.CHANGED
        or application.wave_before != application.wave_after
    ]


def wave(application: ApplicationReview) -> str:
    """The sync wave and the previous one, in words; empty without one."""
    before, after = application.wave_before, application.wave_after
    if application.change is ChangeKind.REMOVED or before == after:
        known = before if after is None else after
        return "" if known is None else f"wave {known}"
    if application.change is ChangeKind.ADDED:
        return "" if after is None else f"wave {after}"
    return f"wave {'none' if before is None else before} → {'none' if after is None else after}"


def where(environment: str, application: str) -> str:
    """The environment and Application of something without a resource; 'repository' without either.

    >>> where("eks", "web"), where("", ""), where("eks", "")
    ('eks/web', 'repository', 'eks')
    """
    return "/".join(part for part in (environment, application) if part) or "repository"


def problem_groups(review: Review) -> list[ProblemGroup]:
    """The problems of a review, each cause once."""
    groups: dict[tuple[object, ...], list[BuildProblem]] = defaultdict(list)
    for problem in review.problems:
        _, because, cause = problem.sentence.partition(", because ")
        one = (cause,) if because else (problem.sentence, problem.file, problem.line)
        groups[(problem.side, *one)].append(problem)
    return [
        ProblemGroup(same[0], tuple(dict.fromkeys(where(item.environment, item.application) for item in same)))
        for same in groups.values()
    ]


def is_comparison(review: Review) -> bool:
    """Whether the review only compares two environments of one tree."""
    return bool(review.parity) and review.base == review.head


def headline(review: Review) -> str:
    """The first line: the environments that the change touches, or how they differ."""
    if is_comparison(review) and not review.problems:
        return f"{'; '.join(parity.sentence for parity in review.parity)}."
    return review.headline


def summary(review: Review) -> str:
    """The headline and the number of risks, on one line."""
    counts = levels(group.risk for group in risk_groups(review))
    risks = ", ".join(f"{count} {level}" for level, count in counts.items() if count) or "none"
    return f"{headline(review)} Risks: {risks}."


def compared(review: Review) -> tuple[str, ...]:
    """The reviewed tree or trees."""
    return (str(review.head),) if is_comparison(review) else (str(review.base), str(review.head))


def differences(review: Review, parity: Parity) -> list[Difference]:
    """The differences to show; a review of a change omits those that are declared and unchanged."""
    if is_comparison(review):
        return list(parity.differences)
    return [item for item in parity.differences if not item.reason or item.status is not DifferenceStatus.SAME]


def everywhere(review: Review, environments: Iterable[str]) -> bool:
    """Whether these are all the environments that the change touches, which need no names."""
    return set(environments) == {environment.name for environment in review.environments if environment.touched}


def levels(risks: Iterable[Risk]) -> dict[Level, int]:
    """The number of risks of each level, the highest first."""
    counts = dict.fromkeys(sorted(Level, reverse=True), 0)
    for risk in risks:
        counts[risk.level] += 1
    return counts


def worst(resource: ResourceChange) -> int:
    """The highest level of a resource's risks; 0 for none."""
    return max((int(risk.level) for risk in resource.risks), default=0)


def folded(review: Review) -> Mapping[str, int]:
    """Everything folded, by reason, the most frequent first."""
    counts: dict[str, int] = {}
    for environment in review.environments:
        for application in environment.applications:
            for part in (application.folded, *(resource.folded for resource in application.resources)):
                for reason, count in part.items():
                    counts[reason] = counts.get(reason, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
