"""Rules on what deploys: Argo CD's Applications, Flux's Kustomizations and HelmReleases, and options of syncing."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.applications import flux, helm_releases
from harness.manifests.applications.argocd import WAVE
from harness.manifests.applications.policies import (
    CASCADE,
    HELM_POLICY,
    HOOK,
    SYNC_OPTIONS,
    Policy,
    flux_guard,
    policy_of,
    sync_options,
)
from harness.manifests.build import HELM_VALUES
from harness.manifests.values import canonical, dig, sequence, string_map, strings
from harness.review.fieldpath import path_text
from harness.review.risks.context import Change, Judgement
from harness.review.risks.kinds import is_store
from harness.review.risks.rule import high, low, medium

DF601: Final = high(
    "DF601",
    "Application removed",
    "With its finalizer or prune, everything that it deployed is deleted, else orphaned.",
)
DF602: Final = medium("DF602", "Pruning is turned on", "Resources that are not in git are deleted.")
DF603: Final = low("DF603", "Automated sync changes", "Changes reach the cluster at another time.")
DF604: Final = medium("DF604", "Sync wave or hook changes", "Resources are applied in another order.")
DF605: Final = medium(
    "DF605", "Application source changes", "Everything in it may change, beyond what this review shows."
)
DF606: Final = high("DF606", "Application's destination changes", "It is deployed from scratch there.")
DF607: Final = high("DF607", "A resource moves to another Application", "One may prune what the other applies.")
DF608: Final = low(
    "DF608", "Protection against pruning or deletion is removed", "A later removal deletes the resource."
)
DF610: Final = low(
    "DF610", "Removed resources stay in the cluster", "Nothing syncs them any more, and nothing deletes them."
)
DF611: Final = high(
    "DF611", "Syncs replace what holds data", "The resource is deleted and recreated, which may lose its data."
)
DF612: Final = medium("DF612", "Syncs replace a resource", "It may be deleted and recreated on a sync.")
DF613: Final = medium("DF613", "Differences are ignored", "Nobody sees or corrects them in the cluster.")
DF614: Final = high("DF614", "An empty Application source is allowed", "A wrong path deletes everything.")
DF615: Final = high("DF615", "A chart's major version changes", "It may break without a migration.")

_APPLICATIONS: Final = ("Application", "ApplicationSet")
_HOOKS: Final = (HOOK, "argocd.argoproj.io/hook-delete-policy", WAVE)
_GUARDS: Final = {"Prune": ("false", "confirm"), "Delete": ("false", "confirm")}
_REPLACING: Final = ("Replace", "Force")
_IGNORING: Final = "argocd.argoproj.io/compare-options"
_CHART_KINDS: Final = ("HelmChart", "OCIRepository", "HelmRelease")
_VERSIONS: Final[tuple[tuple[str, ...], ...]] = (
    ("spec", "chart", "spec", "version"),
    ("spec", "version"),
    ("spec", "ref", "tag"),
    ("spec", "ref", "semver"),
)
_MISSING_CHARTS: Final = (("charts",),)
_NUMBERS: Final = re.compile(r"(?<![\w.])v?(\d+)(?:\.(\d+|[xX*]))?")


def check(change: Change) -> Iterator[Judgement]:
    if _is_application(change):
        yield from _deployer(change)
        yield from _application(change)
    elif change.resource.group == flux.GROUP and change.kind == "Kustomization":
        yield from _deployer(change)
        yield from _kustomization(change)
    elif change.resource.group == helm_releases.GROUP and change.kind == "HelmRelease":
        yield from _deployer(change)
        yield from _release(change)
    if change.moved_from and change.contested:
        said = f"{change.name} moves from Application {change.moved_from} to {change.resource.application}"
        yield DF607, f"{said}: one may prune what the other applies", ""
    if change.before is not None and change.after is not None:
        yield from _order(change)
        yield from _guards(change)
        yield from _charts(change)
    if change.after is not None:
        yield from _options(change)


def _is_application(change: Change) -> bool:
    return change.kind in _APPLICATIONS and change.resource.group == "argoproj.io"


def _prefix(change: Change) -> tuple[str, ...]:
    return ("spec", "template", "spec") if change.kind == "ApplicationSet" else ("spec",)


def _deployer(change: Change) -> Iterator[Judgement]:
    """What happens to the resources of an Application, now or when it is removed later."""
    if change.gone is not None:
        name, cascades = change.gone.identity, policy_of(change.old).cascades
        if change.kind == "ApplicationSet":
            said = f"{name} is removed with its Applications"
            what = "and everything that they deployed" if cascades else "; what they deployed stays, orphaned"
            yield DF601, f"{said}{' ' if cascades else ''}{what}", ""
        elif cascades:
            yield DF601, f"{name} is removed, with everything that it deployed{_why(change)}", ""
        else:
            how = "without a finalizer" if _is_application(change) else "without pruning"
            yield DF601, f"{name} is removed {how}: everything that it deployed stays in the cluster, orphaned", ""
    if change.before is None or change.after is None or change.replaced:
        return
    old, new = policy_of(change.old), policy_of(change.new)
    field = "metadata.finalizers" if _is_application(change) else "spec"
    if new.cascades and not old.cascades:
        yield DF608, f"A later removal of {change.name} deletes everything that it deployed", field
    elif old.cascades and not new.cascades:
        yield DF610, f"After a later removal of {change.name}, everything that it deployed stays, orphaned", field
    yield from _pruning(change, old, new)


def _why(change: Change) -> str:
    return {"Application": ", because of its finalizer", "Kustomization": ", because it prunes"}.get(
        change.kind, ""
    )


def _pruning(change: Change, old: Policy, new: Policy) -> Iterator[Judgement]:
    where = path_text((*_prefix(change), "syncPolicy", "automated")) if old.tool == "argocd" else "spec"
    automated = [dig(value, *_prefix(change), "syncPolicy", "automated") for value in (change.old, change.new)]
    prune = [bool(dig(item, "prune")) if old.tool == "argocd" else old.prunes for item in automated]
    if old.tool == "flux":
        prune[1] = new.prunes
    if prune[1] and not prune[0]:
        yield DF602, f"{change.name} now prunes", f"{where}.prune"
    elif prune[0] and not prune[1]:
        yield DF610, f"{change.name} no longer prunes: what git no longer contains stays", f"{where}.prune"
    elif canonical(automated[0]) != canonical(automated[1]):
        yield DF603, f"{change.name}: automated sync {canonical(automated[0])} → {canonical(automated[1])}", where
    for name, kept in _GUARDS.items():
        if old.options.get(name) in kept and new.options.get(name) not in kept:
            path = path_text((*_prefix(change), "syncPolicy", "syncOptions"))
            yield DF608, f"{change.name} no longer has {name}={old.options[name]} for its resources", path
    if dig(automated[1], "allowEmpty") and not dig(automated[0], "allowEmpty"):
        said = f"{change.name} deletes everything that it deployed when its source is empty"
        yield DF614, said, f"{where}.allowEmpty"


def _application(change: Change) -> Iterator[Judgement]:
    prefix = _prefix(change)
    before, after = (dig(value, *prefix) for value in (change.old, change.new))
    if change.after is not None:
        known = {canonical(item) for item in sequence(dig(before, "ignoreDifferences"))}
        for item in sequence(dig(after, "ignoreDifferences")):
            if canonical(item) not in known:
                said = f"{change.name} ignores differences in {_ignored(item)}"
                yield DF613, said, path_text((*prefix, "ignoreDifferences"))
        if change.before is None and dig(after, "syncPolicy", "automated", "allowEmpty"):
            said = f"{change.name} deletes everything that it deployed when its source is empty"
            yield DF614, said, path_text((*prefix, "syncPolicy", "automated", "allowEmpty"))
    if change.before is None or change.after is None or change.replaced:
        return
    for name in ("source", "sources"):
        for field, where in change.below(*prefix, name):
            last = where[-1] if isinstance(where[-1], str) else ""
            if last == "targetRevision" and _is_major(field.before, field.after) and _of_chart(after, name):
                continue
            said = "changes" if field.secret else f"{_text(field.before)} → {_text(field.after)}"
            yield DF605, f"{change.name}: {last or name} {said}", field.path
    if path := change.touches(*prefix, "destination"):
        deploys = [_destination(dig(value, "destination")) for value in (after, before)]
        yield DF606, f"{change.name} deploys to {deploys[0]} instead of {deploys[1]}", path
    if path := change.touches(*prefix, "project"):
        yield DF605, f"{change.name} moves to another project", path
    if change.kind == "ApplicationSet" and (path := change.touches("spec", "generators")):
        yield DF605, f"{change.name} generates other Applications", path


def _ignored(item: Any) -> str:
    fields = [
        text
        for name in ("jsonPointers", "jqPathExpressions", "managedFieldsManagers")
        for text in strings(dig(item, name))
    ]
    return f"{dig(item, 'name') or dig(item, 'kind') or 'every kind'}: {', '.join(fields) or 'everything'}"


def _kustomization(change: Change) -> Iterator[Judgement]:
    if change.before is None or change.after is None or change.replaced:
        return
    for name in ("path", "sourceRef"):
        if path := change.touches("spec", name):
            yield DF605, f"{change.name} has another source", path
    yield from _suspended(change)
    if change.touches("spec", "ignore") and dig(change.new, "spec", "ignore"):
        yield DF613, f"{change.name} ignores differences", "spec.ignore"


def _release(change: Change) -> Iterator[Judgement]:
    if change.before is None or change.after is None or change.replaced:
        return
    yield from _suspended(change)
    places: list[tuple[str, ...]] = [("chart", "spec", "chart"), ("chart", "spec", "sourceRef"), ("chartRef",)]
    for place in places:
        if where := change.touches("spec", *place):
            yield DF605, f"{change.name} installs another chart or from another source", where
    if change.touches("spec", "driftDetection"):
        yield DF613, f"{change.name} detects other differences", "spec.driftDetection"


def _suspended(change: Change) -> Iterator[Judgement]:
    if change.touches("spec", "suspend"):
        word = "is suspended" if dig(change.new, "spec", "suspend") else "is no longer suspended"
        yield DF603, f"{change.name} {word}", "spec.suspend"


def _charts(change: Change) -> Iterator[Judgement]:
    """Versions of charts whose first number changes."""
    places = _VERSIONS if change.kind in _CHART_KINDS else _MISSING_CHARTS if change.kind == HELM_VALUES else ()
    for place in places:
        old, new = dig(change.old, *place), dig(change.new, *place)
        if _is_major(old, new):
            yield DF615, f"{change.name}: chart version {_text(old)} → {_text(new)}", path_text(place)
    if _is_application(change):
        for name in ("source", "sources"):
            for field, where in change.below(*_prefix(change), name):
                chart = where[-1] == "targetRevision" and _of_chart(dig(change.new, *_prefix(change)), name)
                if chart and _is_major(field.before, field.after):
                    yield DF615, f"{change.name}: chart version {field.before} → {field.after}", field.path


def _of_chart(spec: Any, name: str) -> bool:
    sources = sequence(dig(spec, name)) if name == "sources" else [dig(spec, name)]
    return any(dig(source, "chart") or str(dig(source, "repoURL")).startswith("oci://") for source in sources)


def _is_major(before: Any, after: Any) -> bool:
    """Whether versions, or ranges of them, differ in the number that stands for breaking changes."""
    old, new = (_NUMBERS.search(str(value or "")) for value in (before, after))
    if old is None or new is None:
        return (old is None) != (new is None) and before != after
    return old[1] != new[1] or (old[1] == "0" and old[2] != new[2])


def _text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else canonical(value)


def _destination(value: Any) -> str:
    cluster = dig(value, "name") or dig(value, "server") or "nowhere"
    return f"{dig(value, 'namespace') or 'no namespace'} on {cluster}"


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    return string_map(dig(value, "metadata", "annotations"))


def _order(change: Change) -> Iterator[Judgement]:
    for name in _HOOKS:
        before, after = (dig(value, "metadata", "annotations", name) for value in (change.old, change.new))
        if canonical(before) != canonical(after):
            short = name.partition("/")[2]
            path = path_text(("metadata", "annotations", name))
            yield DF604, f"{change.name}: {short} {_text(before)} → {_text(after)}", path


def _guards(change: Change) -> Iterator[Judgement]:
    """What protects a resource against its deletion, and no longer does."""
    before, after = (sync_options(_annotations(value)) for value in (change.old, change.new))
    path = path_text(("metadata", "annotations", SYNC_OPTIONS))
    for name, kept in _GUARDS.items():
        if before.get(name) in kept and after.get(name) not in kept:
            yield DF608, f"{change.name} no longer has {name}={before[name]}", path
    if flux_guard(change.old) and not flux_guard(change.new):
        yield DF608, f"{change.name} no longer has {flux_guard(change.old)}", "metadata"
    keeps = [_annotations(value).get(HELM_POLICY) == "keep" for value in (change.old, change.new)]
    if keeps == [True, False]:
        yield (
            DF608,
            f"{change.name} no longer has {HELM_POLICY}: keep",
            path_text(("metadata", "annotations", HELM_POLICY)),
        )
    lost = set(strings(dig(change.old, "metadata", "finalizers")))
    lost -= set(strings(dig(change.new, "metadata", "finalizers")))
    for name in sorted(lost):
        if not (_is_application(change) and name.partition("/")[0] == CASCADE):
            yield DF608, f"{change.name} no longer has the finalizer {name}", "metadata.finalizers"


def _options(change: Change) -> Iterator[Judgement]:
    """Options that make syncs replace a resource, or look away from it."""
    holds_data = is_store(change.kind, change.resource.group) or change.kind in (
        "Namespace",
        "CustomResourceDefinition",
    )
    before, after = (sync_options(_annotations(value)) for value in (change.old, change.new))
    path = path_text(("metadata", "annotations", SYNC_OPTIONS))
    for name in _REPLACING:
        if after.get(name) == "true" and before.get(name) != "true":
            yield (DF611 if holds_data else DF612), f"Syncs with {name}=true replace {change.name}", path
    force = f"{flux.GROUP}/force"
    if _annotations(change.new).get(force) == "enabled" != _annotations(change.old).get(force):
        said = f"Flux recreates {change.name} when it cannot update it"
        yield (DF611 if holds_data else DF612), said, path_text(("metadata", "annotations", force))
    compared, known = (_annotations(value).get(_IGNORING, "") for value in (change.new, change.old))
    if "IgnoreExtraneous" in compared and "IgnoreExtraneous" not in known:
        yield DF613, f"{change.name} is not compared with git", path_text(("metadata", "annotations", _IGNORING))
    if _is_application(change) or change.resource.group in (flux.GROUP, helm_releases.GROUP):
        yield from _options_of_all(change)


def _options_of_all(change: Change) -> Iterator[Judgement]:
    """The same, for all resources of an Application."""
    argocd = _is_application(change)
    old = policy_of(change.old).options if argocd and change.before else {}
    new = policy_of(change.new).options if argocd else {}
    path = path_text((*_prefix(change), "syncPolicy", "syncOptions"))
    for name in _REPLACING:
        if new.get(name) == "true" and old.get(name) != "true":
            yield (
                DF611,
                f"Syncs of {change.name} replace its resources ({name}=true), those with data included",
                path,
            )
    if new.get("RespectIgnoreDifferences") == "true" != old.get("RespectIgnoreDifferences"):
        yield DF613, f"Syncs of {change.name} skip the fields whose differences are ignored", path
    for where in (("spec", "force"), ("spec", "upgrade", "force"), ("spec", "rollback", "force")):
        if not argocd and dig(change.new, *where) is True and dig(change.old, *where) is not True:
            yield (
                DF611,
                f"{change.name} recreates resources that it cannot update, those with data included",
                path_text(where),
            )
