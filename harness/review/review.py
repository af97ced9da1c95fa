"""Makes the review of a change: reads both sides, builds them, compares environment by environment."""

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError, unknown
from harness.machine.cache import content_key
from harness.manifests import discover, settings
from harness.manifests.builder import Builder
from harness.manifests.built_tree import BuiltTree
from harness.manifests.cache import Cache
from harness.manifests.discover import SUFFIXES
from harness.manifests.git import Repository
from harness.manifests.inputs import Kustomizations
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.resource import Resource
from harness.manifests.tree import Store, Tree, UnreadableError, git_tree, with_folders
from harness.manifests.upstream import trusted_hosts
from harness.review.compare import Environment, Result
from harness.review.coverage import not_followed, said_once, uncovered_files
from harness.review.filters import EVERYTHING, Filters, limited
from harness.review.locations import Locator
from harness.review.model import ChangeKind, DifferenceStatus, EnvironmentReview, Note, Parity, Review, Revision
from harness.review.parity import Declared, Differences, differences, parity
from harness.review.permissions import review_permissions
from harness.review.secrecy import passwords_of

WORKING_TREE: Final = "working tree"
_FORMAT: Final = "1"
"""Raised when kustomizations are read in another way: their fields are cached by content."""
_VALUES_SCHEMA: Final = "values.schema.json"
_DECLARES_PASSWORD: Final = re.compile(rb"writeOnly|format\W+password")
"""Schemas are long, and hardly any declares a password: parsing all of them took a third of a review."""
_MOST_KNOWN: Final = 20_000
_MOST_PAIRS: Final = 6
_MOST_FILES: Final = 10


@dataclass(frozen=True)
class Permissions:
    """What the command line allows, in addition to the base.

    Attributes:
        hosts: Hosts that remote bases may be fetched from.
        options: Options of `kustomize build`.
        accepted: Patterns for changed files, and for `ENV/APPLICATION`, that need not be covered.
    """

    hosts: Sequence[str] = ()
    options: Sequence[str] = ()
    accepted: Sequence[str] = ()


def review(
    folder: Path,
    base: str,
    head: str = "",
    *,
    direct: bool = False,
    environments: Sequence[str] = (),
    compared: tuple[str, str] | None = None,
    permissions: Permissions = Permissions(),
    filters: Filters = EVERYTHING,
) -> Review:
    """Reviews what changed between two refs, of which an empty `head` is the working tree.

    `direct` compares with `base` itself instead of the merge base; `compared` names two environments whose whole
    parity is wanted, too, whatever the filters.

    Raises:
        HarnessError: See docs/diff.md, bad input.
    """
    with Repository(folder) as repository:
        store = Store(repository.root, repository)
        tip = repository.commit(base)
        commit = repository.commit(head) if head else ""
        start = tip
        if not direct:
            start = repository.merge_base(tip, commit or repository.commit("HEAD"))
        before = git_tree(repository.tree(start), store)
        after = git_tree(repository.tree(commit) if head else repository.working_tree(), store)
        sides = built(repository, [before, after], permissions)
        changed = after.changed(before)
        names = _names(sides, environments)
        locator = Locator(sides[0], sides[1], changed)
        passwords = _passwords(sides)
        everywhere = [item for applications in sides[1].environments.values() for item in applications]
        results = [
            Environment(
                name,
                sides[0].environments.get(name),
                sides[1].environments.get(name),
                locator,
                passwords,
                everywhere,
            ).compare()
            for name in names
        ]
        notes = [note for result in results for note in result.notes]
        declared = settings.read(before)
        accepted = [*permissions.accepted, *declared.accept, *declared.exclude]
        unread = uncovered_files(changed, sides, accepted)
        followed_not = not_followed(notes, accepted)
        notes = [*said_once(notes), *_unread(unread)]
        whole = Review(
            base=Revision(base, start),
            head=Revision(head or WORKING_TREE, commit),
            environments=(*review_permissions(before, after), *(result.review for result in results)),
            problems=tuple(problem for result in results for problem in result.problems),
            notes=tuple(notes),
            parity=_parity(sides, results, compared, passwords),
            repository=repository.name,
            files_changed=len(changed),
            uncovered_files=tuple(unread),
            not_followed=tuple(followed_not),
            not_compared=tuple(sorted({name for side in sides for name in side.environments} - set(names))),
        )
        return limited(whole, filters, declared.ignore)


def parity_at(folder: Path, ref: str, left: str, right: str, permissions: Permissions = Permissions()) -> Review:
    """The parity of two environments at one ref; an empty ref is the working tree."""
    with Repository(folder) as repository:
        store = Store(repository.root, repository)
        commit = repository.commit(ref) if ref else ""
        snapshot = git_tree(repository.tree(commit) if ref else repository.working_tree(), store)
        (side,) = built(repository, [snapshot], permissions)
        _names([side], (left, right))
        locator = Locator(side, side, ())
        results = [
            Environment(name, side.environments[name], side.environments[name], locator).compare()
            for name in (left, right)
        ]
        revision = Revision(ref or WORKING_TREE, commit)
        return Review(
            base=revision,
            head=revision,
            environments=tuple(
                EnvironmentReview(result.review.name, unchanged=result.review.unchanged) for result in results
            ),
            problems=tuple(problem for result in results for problem in result.problems),
            notes=tuple(note for result in results for note in result.notes),
            parity=(parity(left, right, None, _difference(side, left, right, _passwords([side]))),),
            repository=repository.name,
        )


def built(repository: Repository, trees: Sequence[Tree], permissions: Permissions) -> list[BuiltTree]:
    """The trees, built; the last one is the reviewed one, and the others allow what a build may do."""
    remotes = repository.remotes()
    cache, key = Cache("kustomizations"), content_key(_FORMAT, str(repository.root))
    known: dict[str, dict[str, Any]] = cache.get(key) or {}
    count = len(known)
    # The head's settings hold for both sides, so that new ones do not look like a change.
    *bases, declared = [settings.read(tree) for tree in trees]
    discover.check(declared, trees)
    # What a build may do is never up to the side that is reviewed.
    options, hosts = [*permissions.options], {*trusted_hosts(repository.root, permissions.hosts)}
    kustomizations = [Kustomizations(trees[0], known)]
    for tree in trees[1:]:
        earlier = kustomizations[-1]
        kustomizations.append(Kustomizations(tree, known, earlier, with_folders(tree.changed(earlier.tree))))
    for base, of_base in zip(bases, kustomizations, strict=False):
        options += base.kustomize_options
        hosts |= {*(host.lower() for host in base.hosts), *of_base.hosts()}
    with Builder(options, hosts=hosts) as builder:
        sides: list[BuiltTree] = []
        for one in kustomizations:
            sides.append(BuiltTree(one, declared, builder, remotes, sides[-1] if sides else None))
        for side, other in zip(sides, reversed(sides), strict=True):
            side.build(other)
    if len(known) > count:
        cache.put(key, known if len(known) < _MOST_KNOWN else {})
    return sides


def _names(sides: Sequence[BuiltTree], wanted: Sequence[str]) -> list[str]:
    there = sorted({name for side in sides for name in side.environments})
    if not there:
        raise HarnessError(
            "There is no kustomization and no Application in this repository: "
            "name their folders in [tool.harness.diff] (docs/diff.md).",
        )
    for name in wanted:
        if name not in there:
            raise unknown("environment", name, there)
    return [name for name in there if name in wanted] if wanted else there


def _unread(unread: Sequence[str]) -> list[Note]:
    """Names changed files that no environment uses, so that nobody considers them reviewed."""
    if not unread:
        return []
    more = f" and {len(unread) - _MOST_FILES} more" if len(unread) > _MOST_FILES else ""
    files = ", ".join(unread[:_MOST_FILES])
    noun = "manifest" if all(path.endswith(SUFFIXES) for path in unread) else "file"
    count = f"A changed {noun} is" if len(unread) == 1 else f"{len(unread)} changed {noun}s are"
    return [Note("", "", f"{count} used by no environment: {files}{more}.", True)]


def _parity(
    sides: Sequence[BuiltTree],
    results: Sequence[Result],
    compared: tuple[str, str] | None,
    passwords: frozenset[str],
) -> tuple[Parity, ...]:
    """The full parity of two environments, or the effect of the change on each pair."""
    base, head = sides
    if compared:
        if any(name not in side.environments for side in sides for name in compared):
            after = _difference(head, *compared, passwords)
            return (parity(*compared, None, after),)
        both_sides = [_difference(side, *compared, passwords) for side in (base, head)]
        return (parity(*compared, both_sides[0], both_sides[1]),)
    there = [result for result in results if result.review.change is ChangeKind.CHANGED and not result.problems]
    parities = []
    reference = head.settings.reference
    there.sort(key=lambda result: result.review.name != reference)
    pairs = list(itertools.combinations(there, 2))
    if there and there[0].review.name == reference:
        pairs = [pair for pair in pairs if pair[0] is there[0]]
    for left, right in pairs[:_MOST_PAIRS]:
        names = left.names | right.names
        if not names:
            continue
        both = left.review.name, right.review.name
        whole = parity(*both, *(_difference(side, *both, passwords, names) for side in (base, head)))
        moved = tuple(item for item in whole.differences if item.status is not DifferenceStatus.SAME)
        if any(not item.reason for item in moved):
            parities.append(Parity(*both, moved, whole.before, whole.after))
    return tuple(parities)


def _difference(
    side: BuiltTree, left: str, right: str, passwords: frozenset[str], only: frozenset[str] | None = None
) -> Differences:
    declared = Declared(side.tree, side.settings, (left, right))
    applications = [side.environments.get(name, []) for name in (left, right)]
    return differences(applications[0], applications[1], declared, only, passwords)


def _passwords(sides: Sequence[BuiltTree]) -> frozenset[str]:
    """The names of values that schemas of charts and of custom resources declare to be passwords."""
    schemas: list[Any] = []
    definitions: dict[bytes, Resource] = {}
    for side in sides:
        for path in side.tree.paths():
            if path.endswith(_VALUES_SCHEMA):
                with suppress(UnreadableError, YamlError, KeyError):
                    resolved = side.tree.resolve(path)
                    if _DECLARES_PASSWORD.search(side.tree.content(resolved)):
                        schemas += load(side.tree.text(resolved))
        for applications in side.environments.values():
            for build in (build for application in applications for build in application.builds):
                definitions |= {item.as_json: item for item in build.of_kind("CustomResourceDefinition")}
    declaring = [item.value for text, item in definitions.items() if _DECLARES_PASSWORD.search(text)]
    return passwords_of([*schemas, *declaring])
