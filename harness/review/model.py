"""The review as data: what the comparison finds and the output formats show.

Nothing here holds the value of a Secret: only its keys, and whether they changed. All objects are immutable and
sorted, so the same two trees make the same review, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, Final

from harness.manifests.resource import Identity

_MOST_NAMED: Final = 3
REDACTED_CHANGED: Final = "<redacted, changed>"
"""Stands in for a secret value where the other side's is another; else `sensitive.REDACTED` does."""


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    """To another name, namespace, kind, API version or Application; its fields may have changed too."""


class FieldKind(StrEnum):
    SET = "set"
    ADDED = "added"
    REMOVED = "removed"
    REORDERED = "reordered"
    """The same items in another order, in a list where the order may matter."""


class SideName(StrEnum):
    BASE = "base"
    HEAD = "head"
    BOTH = "both"


class DifferenceStatus(StrEnum):
    """How a change affects a difference between environments."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    GONE = "gone"


class Level(IntEnum):
    """LOW is worth knowing, MEDIUM worth a look, HIGH worth a second reviewer."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class FieldChange:
    """One field that differs.

    Attributes:
        path: From the resource's top, items of keyed lists by their key:
            `spec.template.spec.containers[name=web].image`; a key with dots or brackets is quoted:
            `metadata.annotations["example.com/a"]`; `data["app.yaml"]:server.port` is inside an embedded document.
        before: The JSON value at base; None where there is none, and for a secret.
        after: The JSON value at head, likewise.
        secret: A value that is never shown: only that it is there, or changed.
        lines: For texts of several lines: a unified diff without its file header (`@@`, ` `, `-`, `+` lines).
    """

    path: str
    kind: FieldKind
    before: Any = None
    after: Any = None
    secret: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Risk:
    """A dangerous effect of a change.

    Attributes:
        sentence: What will happen, in words, with the resource's name.
        path: The field, as in `FieldChange.path`; empty for the resource as a whole.
    """

    rule: str
    level: Level
    sentence: str
    path: str = ""


@dataclass(frozen=True)
class SourceLocation:
    """Where the repository defines a resource.

    Attributes:
        file: Path from the repository's root, with slashes, on the side that `side` names.
        side: HEAD, or BASE for what was removed.
    """

    file: str
    line: int = 1
    side: SideName = SideName.HEAD


@dataclass(frozen=True)
class ResourceChange:
    """A resource that the change touches.

    Attributes:
        folded: What differs without meaning anything, counted by reason (`generated name`, `managed label` …).
        risks: What the change can do, the worst first.
        before_yaml: The whole manifest at base, normalised and redacted; empty when added.
        after_yaml: The whole manifest at head, normalised and redacted; empty when removed.
        moved_from: Name of the Application that had it at base, when that is another one.
    """

    change: ChangeKind
    before: Identity | None
    after: Identity | None
    fields: tuple[FieldChange, ...] = ()
    folded: Mapping[str, int] = field(default_factory=dict)
    risks: tuple[Risk, ...] = ()
    before_yaml: str = ""
    after_yaml: str = ""
    source: SourceLocation | None = None
    moved_from: str = ""

    @property
    def identity(self) -> Identity:
        identity = self.after or self.before
        assert identity is not None  # noqa: S101 - one side always exists
        return identity

    @property
    def title(self) -> str:
        """The identity, and the previous one if it differs: `CronJob a/b (was batch/v1beta1)`."""
        if self.before is None or self.after is None or (self.before == self.after and not self.moved_from):
            return str(self.identity)
        was = []
        if str(self.before) != str(self.after):
            was.append(str(self.before))
        elif self.before.api_version != self.after.api_version:
            was.append(self.before.api_version)
        if self.moved_from:
            was.append(f"in {self.moved_from}")
        return f"{self.after} (was {' '.join(was)})"


@dataclass(frozen=True)
class ImageChange:
    """A row of the table of replaced images.

    Attributes:
        note: What the tags say: `upgrade`, `downgrade`, `same version`, `pinned by digest` …; empty when nothing.
    """

    before: str
    after: str
    resources: tuple[Identity, ...]
    note: str = ""


@dataclass(frozen=True)
class Totals:
    """Counts for a part of the review."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0
    folded: int = 0
    """Differences that were folded, those in otherwise unchanged resources included."""

    @property
    def resources(self) -> int:
        return self.added + self.removed + self.changed + self.moved

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.added + other.added,
            self.removed + other.removed,
            self.changed + other.changed,
            self.moved + other.moved,
            self.folded + other.folded,
        )

    def __str__(self) -> str:
        """In words.

        >>> str(Totals(added=1, changed=2))
        '1 added, 2 changed'
        """
        counts = {
            "added": self.added,
            "changed": self.changed,
            "moved": self.moved,
            "removed": self.removed,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no change"


@dataclass(frozen=True)
class HiddenChanges:
    """Changes that a review leaves out, because its reader or the base says so.

    Attributes:
        what: `outside the filter`, or `ignored`.
        why: The filter as on the command line, or the declared reason.
        count: How many; of ignored ones, each field counts.
        worst: The highest level of their risks.
    """

    what: str
    why: str
    count: int
    worst: Level | None = None

    def __str__(self) -> str:
        """In words.

        >>> str(HiddenChanges("ignored", "A person scales it.", 2, Level.LOW))
        '2 changes ignored (A person scales it; worst risk: low)'
        """
        risk = f"; worst risk: {self.worst}" if self.worst else ""
        return f"{_count(self.count, 'change')} {self.what} ({self.why.rstrip('.')}{risk})"


@dataclass(frozen=True)
class ApplicationReview:
    """The effect of the change on an Application, or on a root that no Application deploys.

    Attributes:
        path: Folder that it renders, from the repository's root; at base when it was removed.
        change: ADDED or REMOVED when the whole Application is; else CHANGED.
        wave_before: Its sync wave at base; None without one.
        folded: Differences without meaning in resources that did not change otherwise, counted by reason.
        argocd: Whether an Argo CD Application deploys it.
    """

    name: str
    path: str
    change: ChangeKind
    resources: tuple[ResourceChange, ...]
    wave_before: int | None = None
    wave_after: int | None = None
    folded: Mapping[str, int] = field(default_factory=dict)
    unchanged: int = 0
    argocd: bool = True

    @cached_property
    def totals(self) -> Totals:
        kinds = [resource.change for resource in self.resources]
        return Totals(
            kinds.count(ChangeKind.ADDED),
            kinds.count(ChangeKind.REMOVED),
            kinds.count(ChangeKind.CHANGED),
            kinds.count(ChangeKind.MOVED),
            sum(self.folded.values()) + sum(sum(resource.folded.values()) for resource in self.resources),
        )

    @property
    def risks(self) -> list[Risk]:
        return sorted((risk for resource in self.resources for risk in resource.risks), key=lambda r: -r.level)


@dataclass(frozen=True)
class EnvironmentReview:
    """The effect of the change on one environment.

    Attributes:
        applications: The Applications that it touches, in the order of their waves; empty when it touches none.
        change: ADDED or REMOVED when the whole environment is; else CHANGED.
        unchanged: How many Applications it does not touch.
        hidden: How many changes of it are left out.
    """

    name: str
    applications: tuple[ApplicationReview, ...] = ()
    images: tuple[ImageChange, ...] = ()
    change: ChangeKind = ChangeKind.CHANGED
    unchanged: int = 0
    hidden: int = 0

    @property
    def touched(self) -> bool:
        """Whether anything changes that is not folded."""
        return any(application.resources for application in self.applications)

    @cached_property
    def totals(self) -> Totals:
        return sum((application.totals for application in self.applications), Totals())


@dataclass(frozen=True)
class BuildProblem:
    """A root that could not be built and is missing from the review."""

    side: SideName
    environment: str
    application: str
    sentence: str
    file: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Note:
    """What the review does not cover by design: a Helm chart, another repository, a cluster generator.

    Attributes:
        sentence: What was not rendered, and why.
        changed: Whether its definition changed between base and head, so that a look is needed.
        cause: Why, where other Applications may have the same cause.
    """

    environment: str
    application: str
    sentence: str
    changed: bool = False
    cause: str = ""


@dataclass(frozen=True)
class Difference:
    """A field or resource in which two environments differ.

    Attributes:
        path: The field; empty when one of them lacks the whole resource.
        left: The value in the first environment; None where it has none, and for a secret.
        reason: Why it may differ, as declared; empty for drift.
        status: What the change made of it.
        secret: A value that is never shown.
    """

    identity: Identity
    path: str
    left: Any = None
    right: Any = None
    reason: str = ""
    status: DifferenceStatus = DifferenceStatus.SAME
    secret: bool = False


@dataclass(frozen=True)
class Parity:
    """The differences between two environments, before and after the change.

    Attributes:
        differences: All of them: drift first, then the expected ones.
        before: Count of unexpected differences at base; None where base was not looked at.
        after: The same at head.
    """

    left: str
    right: str
    differences: tuple[Difference, ...]
    before: int | None
    after: int

    @property
    def drift(self) -> list[Difference]:
        """The undeclared differences at head."""
        return [item for item in self.differences if not item.reason and item.status is not DifferenceStatus.GONE]

    @property
    def sentence(self) -> str:
        names = f"{self.left} and {self.right}"
        count = f"{self.after} undeclared difference{'' if self.after == 1 else 's'}"
        if self.before is None or self.before == self.after:
            state = "" if self.before is None else ", as before"
            return f"{names} differ only as declared{state}" if not self.after else (f"{names} have {count}{state}")
        word = "drift apart" if self.after > self.before else "come closer"
        return f"{names} {word}: {count}, {self.before} before"


@dataclass(frozen=True)
class Revision:
    """One of the two compared trees.

    Attributes:
        ref: As the user named it; `working tree` for uncommitted work.
    """

    ref: str
    commit: str = ""

    def __str__(self) -> str:
        short = self.commit[:10]
        return self.ref if not short or self.ref.startswith(short) else f"{self.ref} ({short})"


@dataclass(frozen=True)
class Review:
    """The whole review.

    Attributes:
        base: What is compared with: the merge base of the two refs unless told otherwise.
        head: What is reviewed.
        environments: Every environment, touched or not, sorted by name.
        parity: How environments differ from each other, where that was asked for or the change moves it.
        uncovered_files: Changed files that nothing compared was made of, and nobody accepted.
        not_followed: Applications of which something is not built, and nobody accepted, as ENV/APPLICATION.
        hidden: The changes that it leaves out, because its reader or the base says so.
        not_compared: The environments that its reader did not ask for.
    """

    base: Revision
    head: Revision
    environments: tuple[EnvironmentReview, ...]
    problems: tuple[BuildProblem, ...] = ()
    notes: tuple[Note, ...] = ()
    parity: tuple[Parity, ...] = ()
    repository: str = ""
    files_changed: int = 0
    uncovered_files: tuple[str, ...] = ()
    not_followed: tuple[str, ...] = ()
    hidden: tuple[HiddenChanges, ...] = ()
    not_compared: tuple[str, ...] = ()

    @cached_property
    def totals(self) -> Totals:
        return sum((environment.totals for environment in self.environments), Totals())

    def walk(self) -> Iterator[tuple[EnvironmentReview, ApplicationReview, ResourceChange]]:
        """Every changed resource with its environment and Application, in the order of the review."""
        for environment in self.environments:
            for application in environment.applications:
                for resource in application.resources:
                    yield environment, application, resource

    @property
    def risks(self) -> list[tuple[EnvironmentReview, ApplicationReview, ResourceChange, Risk]]:
        """Every risk with its resource, the worst first."""
        risks = [(*place, risk) for place in self.walk() for risk in place[2].risks]
        return sorted(risks, key=lambda item: -item[3].level)

    @property
    def worst(self) -> Level | None:
        return max((risk.level for *_, risk in self.risks), default=None)

    @property
    def headline(self) -> str:
        """The first line: which environments the change touches, which not, and for which this is unknown."""
        touched = [environment for environment in self.environments if environment.touched]
        incomplete = {problem.environment for problem in self.problems}
        rest = [
            environment.name
            for environment in self.environments
            if not environment.touched and (environment.name in incomplete or not environment.hidden)
        ]
        others = [name for name in rest if name not in incomplete]
        unknown = [name for name in rest if name in incomplete]
        broken = f"{_count(len(self.problems), 'part')} could not be built" if self.problems else ""
        if unknown:
            broken = f"it is unknown whether it touches {_join(unknown, 'or')}, because {broken}"
        unasked = f"not compared: {_some(self.not_compared)}" if self.not_compared else ""
        parts = (broken, self.uncovered, *map(str, self.hidden), unasked)
        end = "".join(f"; {part}" for part in parts if part) + "."
        if not touched:
            names = f" ({_join(others)})" if others else ""
            if self.hidden and not unknown:
                return f"Touches nothing that is shown{names}{end}"
            if self.uncovered and not unknown:
                return f"Touches nothing that is compared{names}{end}"
            return f"Touches no environment{' that could be built' if unknown else ''}{names}{end}"
        not_ = f", not {_join(others, 'or')}" if others else ""
        named = [f"{environment.name} ({environment.totals})" for environment in touched]
        return f"Touches {_join(named)}{not_}{end}"

    @property
    def uncovered(self) -> str:
        """What the review does not cover, in words; empty for nothing."""
        parts = []
        if self.uncovered_files:
            count = _count(len(self.uncovered_files), "changed file")
            verb = "is" if len(self.uncovered_files) == 1 else "are"
            parts.append(f"{count} {verb} used by no environment ({_some(self.uncovered_files)})")
        if self.not_followed:
            parts.append(
                f"{_count(len(self.not_followed), 'Application')} not followed ({_some(self.not_followed)})"
            )
        return "; ".join(parts)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _join(names: list[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
