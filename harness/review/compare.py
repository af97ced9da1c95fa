"""Compares the two sides of an environment: its Applications, and the resources of those that changed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from harness.manifests.applications.application import Application
from harness.manifests.applications.policies import NO_DELETION, NO_UPDATE, Policy, policy_of
from harness.manifests.generated_names import Names, generated_names
from harness.manifests.pods import images_of
from harness.manifests.problem import Problem
from harness.manifests.resource import Identity, Resource
from harness.manifests.sensitive import masked
from harness.manifests.values import canonical, dig
from harness.review.fields import CHECKSUM, GENERATED_NAME, LAYOUT, compare, unmatched
from harness.review.images import Replaced, paired, table
from harness.review.locations import Locator
from harness.review.model import (
    ApplicationReview,
    BuildProblem,
    ChangeKind,
    EnvironmentReview,
    Note,
    ResourceChange,
    Risk,
    SideName,
)
from harness.review.neighbours import Neighbours
from harness.review.pair import Pair, ReviewedResource, pair, pair_across, parse
from harness.review.projects import project_risks
from harness.review.redact import manifest
from harness.review.risks.context import Change
from harness.review.risks.judge import judge, risk
from harness.review.risks.running import DF301

_DEEPEST: Final = 10
"""Applications on the way to one whose removal is looked at."""


@dataclass
class Result:
    """The comparison of one environment.

    Attributes:
        names: Names of the resources that changed, for parity.
    """

    review: EnvironmentReview
    problems: list[BuildProblem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    names: frozenset[str] = frozenset()


@dataclass
class _Match:
    before: Application | None
    after: Application | None
    pairs: list[Pair] = field(default_factory=list)
    unknown: list[Pair] = field(default_factory=list)
    unchanged: int = 0

    @property
    def shown(self) -> Application:
        application = self.after or self.before
        assert application is not None  # noqa: S101 - one side always exists
        return application


class Environment:
    def __init__(
        self,
        name: str,
        before: Sequence[Application] | None,
        after: Sequence[Application] | None,
        locator: Locator,
        passwords: frozenset[str] = frozenset(),
        everywhere: Sequence[Application] = (),
    ) -> None:
        """`everywhere` are the Applications of all environments at head."""
        self._name = name
        self._before, self._after = before, after
        self._locator = locator
        self._passwords = passwords
        self._neighbours = Neighbours(build for application in after or () for build in application.builds)
        self._everywhere = everywhere
        self._problems: list[BuildProblem] = []
        self._notes: list[Note] = []

    def compare(self) -> Result:
        matches = match(self._before or [], self._after or [])
        for item in matches:
            self._note(item)
            self._remark(item)
            self._tell(item)
        comparable = [self._comparable(item) for item in matches]
        changed = [item for item, fit in zip(matches, comparable, strict=True) if fit and not _same(item)]
        halves = [item for item, fit in zip(matches, comparable, strict=True) if not fit]
        names = (
            generated_names(_configuration(item.before for item in changed + halves)),
            generated_names(_configuration(item.after for item in changed + halves)),
        )
        for item in changed:
            self._pair(item, names)
        # What only one side has of an Application that the other side cannot render is neither added nor removed,
        # but what another Application lost may have gone there.
        half = [pair_ for item in halves for pair_ in _half(item, names)]
        half += [pair_ for item in changed for pair_ in item.unknown]
        crossed = pair_across([pair_ for item in changed for pair_ in item.pairs] + half)
        unknown = {id(pair_.resource) for pair_ in half}
        crossed = [
            pair_ for pair_ in crossed if (pair_.before and pair_.after) or id(pair_.resource) not in unknown
        ]
        owners = {item.shown.name: item for item in changed + halves}
        self._matches = {item.before.name: item for item in matches if item.before}
        by_owner: dict[str, list[Pair]] = defaultdict(list)
        for pair_ in crossed:
            by_owner[_owner(pair_.resource, owners)].append(pair_)
        images: list[Replaced] = []
        reviews = []
        for name, item in owners.items():
            review = self._review(item, by_owner[name], names, images)
            whole = item in changed and (review.change is not ChangeKind.CHANGED or _moved_wave(review))
            if review.resources or review.folded or whole:
                reviews.append(review)
        reviews.sort(key=lambda review: (_wave(review), review.name))
        kind = _presence(self._before, self._after)
        touched = frozenset(
            identity.name
            for review in reviews
            for change in review.resources
            for identity in (change.before, change.after)
            if identity is not None
        )
        environment = EnvironmentReview(
            self._name, tuple(reviews), table(images), kind, len(matches) - len(reviews)
        )
        return Result(environment, self._problems, self._notes, touched)

    def _note(self, item: _Match) -> None:
        before, after = item.before, item.after
        sentences = dict.fromkeys([*(before.notes if before else []), *(after.notes if after else [])])
        for sentence in sentences:
            changed = (before.extra if before else "") != (after.extra if after else "") or (
                bool(before and after) and not all(sentence in side.notes for side in (before, after) if side)
            )
            cause = next(
                (side.causes[sentence] for side in (after, before) if side and sentence in side.causes), ""
            )
            self._notes.append(Note(self._name, item.shown.name, f"{masked(sentence)}.", changed, masked(cause)))

    def _remark(self, item: _Match) -> None:
        before, after = (side.remarks if side else [] for side in (item.before, item.after))
        after = [*after, *_not_updated(item)]
        for sentence in dict.fromkeys([*before, *after]):
            note = Note(self._name, "", f"{sentence}.", sentence in after and sentence not in before)
            if note not in self._notes:
                self._notes.append(note)

    def _tell(self, item: _Match) -> None:
        sides: dict[Problem, SideName] = {}
        for side, application in ((SideName.BASE, item.before), (SideName.HEAD, item.after)):
            for problem in application.problems if application else []:
                sides[problem] = SideName.BOTH if problem in sides else side
        for problem, side in sides.items():
            at = problem.location
            self._problems.append(
                BuildProblem(side, self._name, item.shown.name, masked(problem.message), at.file, at.line)
            )

    def _comparable(self, item: _Match) -> bool:
        """Whether both sides were built, and the definition of the Application as well."""
        for application in (item.before, item.after):
            if application is not None and any(
                build.problems and build.plain is None for build in application.builds
            ):
                return False
        if item.before and item.after and _as_written(item.before) != _as_written(item.after):
            return False
        for side, there, missing, others in (
            (SideName.HEAD, item.before, item.after is None, self._after),
            (SideName.BASE, item.after, item.before is None, self._before),
        ):
            if not missing or there is None or not there.parent:
                continue
            broken = {build.folder for other in others or [] for build in other.builds if build.problems}
            if there.parent in broken:
                sentence = f"{there.name} is not compared, because {there.parent}, which defines it, is not built."
                self._problems.append(BuildProblem(side, self._name, there.name, sentence))
                return False
        return True

    def _pair(self, item: _Match, names: tuple[Names, Names]) -> None:
        """Pairs the resources of an Application; equal texts are paired unread."""
        before, after = item.before, item.after
        bad = {problem.location.file for side in (before, after) if side for problem in side.problems}
        built = [
            [resource for resource in side.resources() if resource.origin not in bad] if side else []
            for side in (before, after)
        ]
        if before is not None and after is not None and before.namespace == after.namespace:
            texts = [Counter(resource.text for resource in side) for side in built]
            shared = texts[0] & texts[1]
            item.unchanged = sum(shared.values())
            for index, side in enumerate(built):
                built[index] = [side[left] for left in unmatched((item.text for item in side), shared.elements())]
        sides = [
            parse(side, application.name, application.namespace, bare) if application else []
            for side, application, bare in zip(built, (before, after), names, strict=True)
        ]
        # What an Application source made that is no longer built may still be there, and the other way round.
        notes = [set(side.notes) if side else set() for side in (before, after)]
        newly = (notes[0] - notes[1], notes[1] - notes[0]) if before and after else (set(), set())
        item.pairs += _definition(before, after, names)
        for pair_ in pair(*sides):
            unknown = (pair_.before is None and newly[0]) or (pair_.after is None and newly[1])
            (item.unknown if unknown else item.pairs).append(pair_)

    def _review(
        self, item: _Match, pairs: list[Pair], names: tuple[Names, Names], images: list[Replaced]
    ) -> ApplicationReview:
        changes: list[ResourceChange] = []
        folded: Counter[str] = Counter()
        unchanged = item.unchanged
        restarts: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        judged = [self._change(item, pair_, names) for pair_ in pairs]
        for change in judged:
            _restarted(change, names, restarts)
        for change in judged:
            shown = self._shown(change, restarts)
            if shown is None:
                folded += change.fields.folded or Counter({LAYOUT: 1})
                unchanged += 1
                continue
            changes.append(shown)
            images += _images(change)
        return ApplicationReview(
            name=item.shown.name,
            path=item.shown.path,
            change=_presence(item.before, item.after),
            resources=tuple(sorted(changes, key=_order)),
            wave_before=item.before.wave if item.before else None,
            wave_after=item.after.wave if item.after else None,
            folded=dict(sorted(folded.items())),
            unchanged=unchanged,
            argocd=item.shown.argocd,
        )

    def _change(self, item: _Match, pair_: Pair, names: tuple[Names, Names]) -> Change:
        before, after = pair_.before, pair_.after
        if before is None:
            return Change(before, after, neighbours=self._neighbours)
        owner = self._matches[before.application]
        if after is None:
            return Change(before, after, stays=self._stays(owner, before.value))
        fields = compare(before.value, after.value, *names, self._passwords)
        same_owner = before.application == after.application or owner is item
        return Change(
            before,
            after,
            fields,
            "" if same_owner else before.application,
            contested=owner.shown.argocd or item.shown.argocd,
            stays=self._stays(owner, before.value),
            neighbours=self._neighbours,
        )

    def _stays(self, owner: _Match, resource: dict[str, Any], depth: int = 0) -> str:
        """Why a resource that its Application no longer contains stays in the cluster; empty if it is deleted."""
        before, after = owner.before, owner.after
        assert before is not None  # noqa: S101 - it has contained the resource
        if after is not None:
            return after.policy.stays(resource, after.name, whole=False)
        if generator := before.policy.generator:
            there = self._generator(before.policy)
            if there is not None:
                if there.generation in NO_DELETION:
                    return f"{before.name} stays, because {generator} has applicationsSync: {there.generation}"
                return before.policy.stays(resource, before.name, whole=True)
        parent = next((item for item in self._matches.values() if _builds(item.before, before.parent)), None)
        definition = dict(before.policy.manifest)
        followed = parent is not None and parent is not owner and depth < _DEEPEST and definition
        if followed and parent and self._stays(parent, definition, depth + 1):
            return f"{before.name} stays, too"
        return before.policy.stays(resource, before.name, whole=True)

    def _generator(self, policy: Policy) -> Policy | None:
        """The policy of the same ApplicationSet at head; None where it is gone."""
        wanted = [dig(policy.manifest, "metadata", name) for name in ("namespace", "name")]
        for build in (build for application in self._everywhere for build in application.builds):
            for item in build.of_kind("ApplicationSet"):
                if [dig(item.value, "metadata", name) for name in ("namespace", "name")] == wanted:
                    return policy_of(item.value)
        return None

    def _shown(self, change: Change, restarts: dict[tuple[str, str, str], list[str]]) -> ResourceChange | None:
        """A change as the review shows it; None when all of it is folded."""
        before, after = change.before, change.after
        kind = _kind(change)
        if kind is ChangeKind.CHANGED and not change.fields.changes and not _checksum(change):
            return None
        risks = [*judge(change), *project_risks(change, self._everywhere)]
        identity = change.resource.identity
        for workload in restarts.get((identity.kind, identity.namespace, identity.name), []):
            risks.append(risk(DF301, f"Pods of {workload} restart, because the name of {identity} changes"))
        return ResourceChange(
            change=kind,
            before=before.identity if before else None,
            after=after.identity if after else None,
            fields=tuple(change.fields.changes),
            folded=dict(sorted(change.fields.folded.items())),
            risks=_unique(risks),
            before_yaml=manifest(before.value, after.value if after else None, self._passwords) if before else "",
            after_yaml=manifest(after.value, before.value if before else None, self._passwords) if after else "",
            source=self._locator.locate(change),
            moved_from=change.moved_from,
        )


def _definition(before: Application | None, after: Application | None, names: tuple[Names, Names]) -> list[Pair]:
    """The definition of an Application that an ApplicationSet makes, if it changes."""
    old, new = (side.generated if side else None for side in (before, after))
    if before is None or after is None or old is None or new is None or old.value == new.value:
        return []
    (one,), (other,) = parse([old], before.name, "", names[0]), parse([new], after.name, "", names[1])
    return [Pair(one, other)]


def _not_updated(item: _Match) -> list[str]:
    """What an ApplicationSet would change in its Application only by recreating it."""
    before, after = item.before, item.after
    if before is None or after is None or before.definition == after.definition:
        return []
    policy = after.policy
    if not policy.generator or policy.generation not in NO_UPDATE:
        return []
    why = f"{policy.generator} has applicationsSync: {policy.generation}"
    return [f"{after.name} is compared as if it were updated, but the ApplicationSet {why}"]


def match(before: Sequence[Application], after: Sequence[Application]) -> list[_Match]:
    """Pairs Applications by name, then by folder, and the parts of one kustomization with each other only."""
    matches: list[_Match] = []
    left: dict[tuple[str, str], Application] = {}
    for application in after:
        key = _name_of(application)
        left[(application.name, application.part_of) if key in left else key] = application
    names = {application.name for application in after}
    waiting = []
    for application in before:
        if (other := left.pop(_name_of(application), None)) is None:
            waiting.append(application)
        else:
            matches.append(_Match(application, other))
    for application in waiting:
        same_path = [other for other in left.values() if application.path and other.path == application.path]
        if len(same_path) == 1 and not (application.part_of and same_path[0].part_of):
            same: Application | None = same_path[0]
        else:
            same = _renamed(application, [other for other in left.values() if other not in same_path])
        partner = left.pop(next(key for key, other in left.items() if other is same)) if same else None
        if partner is None and application.name in names:
            application = replace(application, name=f"{application.name} of {application.part_of}")
        matches.append(_Match(application, partner))
    return matches + [_Match(None, application) for application in left.values()]


def _name_of(application: Application) -> tuple[str, str]:
    return (application.path if application.part_of else application.name), application.part_of


def _renamed(folder: Application, others: Iterable[Application]) -> Application | None:
    """The folder that has most of the resources of one that no Application deploys."""
    if folder.argocd:
        return None
    names = Counter(str(item) for item in folder.resources())
    counts = {
        other.name: (sum((names & Counter(str(item) for item in other.resources())).values()), other)
        for other in others
        if not other.argocd
    }
    count, name = max(((count, name) for name, (count, _) in counts.items()), default=(0, ""))
    return counts[name][1] if 2 * count > names.total() else None


def _builds(application: Application | None, folder: str) -> bool:
    return bool(folder) and application is not None and any(build.folder == folder for build in application.builds)


def _owner(resource: ReviewedResource, owners: dict[str, _Match]) -> str:
    """The name under which a resource's Application is reviewed."""
    if resource.application in owners:
        return resource.application
    return next(
        name
        for name, item in owners.items()
        if item.before is not None and item.before.name == resource.application
    )


def _half(item: _Match, names: tuple[Names, Names]) -> list[Pair]:
    """The unpaired resources of an Application that only one side can build."""
    sides = [
        parse(application.resources(), application.name, application.namespace, bare) if application else []
        for application, bare in zip((item.before, item.after), names, strict=True)
    ]
    if all(sides):
        return []
    return [Pair(resource, None) for resource in sides[0]] + [Pair(None, resource) for resource in sides[1]]


def _as_written(application: Application) -> list[bool]:
    return [build.as_written for build in application.builds]


def _same(item: _Match) -> bool:
    return item.before is not None and item.after is not None and item.before.key == item.after.key


def _configuration(applications: Iterable[Application | None]) -> list[Resource]:
    builds = [build for application in applications if application for build in application.builds]
    return [item for build in builds for item in build.of_kind("ConfigMap", "Secret")]


def _presence(before: object | None, after: object | None) -> ChangeKind:
    if before is None:
        return ChangeKind.ADDED
    return ChangeKind.REMOVED if after is None else ChangeKind.CHANGED


def _kind(change: Change) -> ChangeKind:
    before, after = change.before, change.after
    if before and after and (change.moved_from or before.identity != after.identity):
        return ChangeKind.MOVED
    return _presence(before, after)


def _checksum(change: Change) -> bool:
    """Whether only a checksum restarts the pods: something that they read changed."""
    template = change.template
    return template is not None and any(
        reason == CHECKSUM and path[: len(template)] == template for reason, path in change.fields.folded_paths
    )


def _restarted(change: Change, names: tuple[Names, Names], restarts: dict[tuple[str, str, str], list[str]]) -> None:
    """Records the ConfigMaps and Secrets whose new generated names restart a workload."""
    template = change.template
    if template is None or change.after is None:
        return
    for reason, path in change.fields.folded_paths:
        if reason != GENERATED_NAME or path[: len(template)] != template:
            continue
        text = canonical(change.new)
        for hashed, bare in names[1].bare.items():
            if f'"{hashed}"' in text and f'"{hashed}"' not in canonical(change.old):
                for kind in ("ConfigMap", "Secret"):
                    known = restarts[kind, change.after.identity.namespace, bare]
                    if change.name not in known:
                        known.append(change.name)
        return


def _images(change: Change) -> list[Replaced]:
    identity: Identity = change.resource.identity
    if change.before is None:
        return [("", image, identity) for image in images_of(change.resource)]
    if change.after is None:
        return [(image, "", identity) for image in images_of(change.resource)]
    return list(paired(change.fields, identity))


def _unique(risks: list[Risk]) -> tuple[Risk, ...]:
    return tuple(sorted(dict.fromkeys(risks), key=lambda item: (-item.level, item.rule)))


def _order(change: ResourceChange) -> tuple[int, Identity]:
    return -max((int(item.level) for item in change.risks), default=0), change.identity


def _wave(review: ApplicationReview) -> float:
    number = review.wave_after if review.wave_after is not None else review.wave_before
    return number if number is not None else (0 if review.argocd else float("inf"))


def _moved_wave(review: ApplicationReview) -> bool:
    return review.change is ChangeKind.CHANGED and review.wave_before != review.wave_after
