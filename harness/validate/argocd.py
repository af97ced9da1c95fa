"""What Argo CD ignores without a word: annotations and sync options that it does not know, and their values."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from harness.errors import closest
from harness.manifests.applications.argocd import GROUP, WAVE
from harness.manifests.applications.policies import HOOK, SYNC_OPTIONS
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, string_map, strings
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH207: Final = ValidationRule(
    "LH207",
    "Argo CD knows its annotations, its sync options and their values",
    "It ignores what it does not know: a hook with an unknown phase never runs.",
)

_PREFIX: Final = "argocd.argoproj.io/"
_HELM_HOOK: Final = "helm.sh/hook"
_DELETE_POLICY: Final = f"{HOOK}-delete-policy"
_PHASES: Final = ("PreSync", "Sync", "PostSync", "SyncFail")
_ONLY_ALONE: Final = ("Skip", "PreDelete", "PostDelete")
_SWITCH: Final = ("true", "false")

Options = Mapping[str, Sequence[str]]
"""The values of options; none for one that is a word alone."""

# A value that only states the default is known, too.
_OF_ANY: Final[Options] = {
    "Delete": (*_SWITCH, "confirm"),
    "Prune": (*_SWITCH, "confirm"),
    "PruneLast": _SWITCH,
    "Replace": _SWITCH,
    "ServerSideApply": _SWITCH,
    "SkipDryRunOnMissingResource": _SWITCH,
    "Validate": _SWITCH,
}
_OF_RESOURCES: Final[Options] = {**_OF_ANY, "Force": _SWITCH}
_OF_APPLICATIONS: Final[Options] = {
    **_OF_ANY,
    "ApplyOutOfSyncOnly": _SWITCH,
    "ClientSideApplyMigration": _SWITCH,
    "CreateNamespace": _SWITCH,
    "FailOnSharedResource": _SWITCH,
    "PrunePropagationPolicy": ("background", "foreground", "orphan"),
    "RespectIgnoreDifferences": _SWITCH,
}
_COMPARE_OPTIONS: Final = f"{_PREFIX}compare-options"
_OPTIONS: Final[Mapping[str, Options]] = {
    _COMPARE_OPTIONS: {"IgnoreExtraneous": ()},
    _DELETE_POLICY: {"BeforeHookCreation": (), "HookFailed": (), "HookSucceeded": ()},
    f"{_PREFIX}ignore-healthcheck": dict.fromkeys(_SWITCH, ()),
    SYNC_OPTIONS: _OF_RESOURCES,
}
"""By annotation: what its items may be."""
_COMPARE_OPTIONS_OF_APPLICATIONS: Final[Options] = {
    "IgnoreExtraneous": (),
    "IncludeMutationWebhook": _SWITCH,
    "ServerSideDiff": _SWITCH,
}
_ANNOTATIONS: Final = frozenset(
    {HOOK, WAVE, *_OPTIONS}
    | {
        _PREFIX + name
        for name in (
            "application-set-refresh",
            "client-side-apply-migration-manager",
            "deletion-approved",
            "hydrate",
            "ignore-default-links",
            "ignore-resource-updates",
            "installation-id",
            "managed-by-url",
            "manifest-generate-paths",
            "refresh",
            "skip-reconcile",
            "tracking-id",
        )
    }
)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds what Argo CD ignores."""
    for resource in environment.resources:
        yield from _metadata(resource, resource.kind, ())
        if resource.group == GROUP and resource.kind == "Application":
            yield from _sync_options(resource, ("spec",))
        elif resource.group == GROUP and resource.kind == "ApplicationSet":
            yield from _metadata(resource, "Application", ("spec", "template"))
            yield from _sync_options(resource, ("spec", "template", "spec"))


def _metadata(resource: BuiltResource, kind: str, path: tuple[Step, ...]) -> Iterator[Violation]:
    metadata = dig(resource.value, *path, "metadata")
    for key in string_map(dig(metadata, "labels")).keys() & _ANNOTATIONS:
        message = f"{resource} has the label {key}, which Argo CD only reads as an annotation."
        yield Violation(LH207, message, resource, (*path, "metadata", "labels", key))
    annotations = string_map(dig(metadata, "annotations"))
    for key, value in annotations.items():
        if key.startswith(_PREFIX) and "{{" not in value:
            for said in _annotation(kind, key, value, annotations):
                yield Violation(LH207, f"{resource} has {said}.", resource, (*path, "metadata", "annotations", key))


def _annotation(kind: str, key: str, value: str, annotations: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with an annotation, as the end of a sentence."""
    if key not in _ANNOTATIONS:
        yield f"the annotation {key}, which Argo CD does not know{_instead(key, _ANNOTATIONS)}"
    elif key == WAVE and not re.fullmatch(r"[+-]?[0-9]+", value):
        yield f"the {key} {value!r}, which Argo CD takes for 0: write a whole number"
    elif key == _DELETE_POLICY and not annotations.keys() & {HOOK, _HELM_HOOK}:
        yield f"a {key}, which Argo CD ignores without {HOOK}"
    items = [item for text in value.split(",") if (item := text.strip())]
    options = _OPTIONS.get(key)
    if kind == "Application" and key == _COMPARE_OPTIONS:
        options = _COMPARE_OPTIONS_OF_APPLICATIONS
    elif key == HOOK:
        options = dict.fromkeys(_PHASES if len(items) > 1 else (*_PHASES, *_ONLY_ALONE), ())
    if options is None:
        return
    if not items:
        yield f"an empty {key}: remove it, or give it a value"
    for item in items:
        yield from _option(key, item, options)


def _sync_options(resource: BuiltResource, path: tuple[Step, ...]) -> Iterator[Violation]:
    field = (*path, "syncPolicy", "syncOptions")
    for index, item in enumerate(strings(dig(resource.value, *field))):
        for said in _option("sync option", item, _OF_APPLICATIONS) if "{{" not in item else ():
            yield Violation(LH207, f"{resource} has {said}.", resource, (*field, index))


def _option(what: str, item: str, options: Options) -> Iterator[str]:
    name, equals, value = item.partition("=")
    values = options.get(name)
    if values is None or (equals and not values):
        yield f"the {what} {item}, which Argo CD ignores{_instead(name, options)}"
    elif values and value not in values:
        yield f"the {what} {item}, which Argo CD ignores: {name} may be {' or '.join(values)}"


def _instead(name: str, known: Collection[str]) -> str:
    close = closest(name, known)
    return f": use {close}" if close else f": it knows {', '.join(sorted(known))}"
