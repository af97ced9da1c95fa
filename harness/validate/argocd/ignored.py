"""What Argo CD ignores without a word: annotations and sync options that it does not know, and their values."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from harness.errors import closest
from harness.manifests.applications.argocd import GROUP, WAVE
from harness.manifests.applications.policies import HOOK, SYNC_OPTIONS
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mapping, mappings, string_map, strings
from harness.validate.argocd import rbac
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import Resources, plural_of, resources
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.readers import Reading

LH207: Final = ValidationRule(
    "LH207",
    "Argo CD knows its annotations, finalizers, settings, policies and sync options, and their values",
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
_FINALIZERS: Final = frozenset(
    {"resources-finalizer.argocd.argoproj.io", "foreground-finalizer.argocd.argoproj.io"}
    | {f"resources-finalizer.argocd.argoproj.io/{mode}" for mode in ("background", "foreground")}
    | {f"{when}-delete-finalizer.argocd.argoproj.io{step}" for when in ("pre", "post") for step in ("", "/cleanup")}
)
_ALIKE: Final = 0.85
_DURATION: Final = re.compile(r"0|(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y))+")
_VALUES: Final = {
    "resource.respectRBAC": (re.compile(r"normal|strict|"), "normal or strict"),
    "application.resourceTrackingMethod": (
        re.compile(r"annotation|label|annotation\+label"),
        "annotation, label or annotation+label",
    ),
    **dict.fromkeys(
        ("timeout.reconciliation", "timeout.reconciliation.jitter", "timeout.hard.reconciliation"),
        (_DURATION, "a duration such as 180s"),
    ),
    "policy.matchMode": (re.compile(r"glob|regex|"), "glob or regex"),
    "scopes": (re.compile(r"\[[^]]*\]|(?:\s*-\s+\S+)+"), "a list such as [groups]"),
    **dict.fromkeys(
        ("admin.enabled", "exec.enabled", "statusbadge.enabled", "users.anonymous.enabled"),
        (re.compile(r"true|false"), "true or false"),
    ),
}
"""What keys of `argocd-cm` and `argocd-rbac-cm` may be."""
SETTINGS_FILE: Final = Path(__file__).with_name("settings.txt")
"""The keys of `argocd-cm` and `argocd-rbac-cm`, as Argo CD's sources have them; a test compares it with these."""
FAMILIES: Final = ("accounts.", "help.download.", "kustomize.", "policy.", "resource.customizations.")
"""Starts of keys of which there are any number."""
_ACCOUNT: Final = re.compile(r"accounts\.[^.]+")
_CAPABILITY: Final = re.compile(r"\s*(?:(?:login|apiKey)\s*(?:,\s*|$))*")
_OF_A_KIND: Final = re.compile(
    r"resource\.customizations\.(?:health|actions|ignoreDifferences|ignoreResourceUpdates|knownTypeFields|useOpenLibs)"
    r"\.(?:(?P<group>[^_]*)_)?(?P<kind>[A-Z][^_]*)"
)
"""Keys of `argocd-cm` that are about a kind of resources."""
_PARAMETERS: Final = {
    re.compile(r"[\w.]+\.(?:processors|parallelism\.limit|replicas)"): (re.compile(r"-?\d+"), "a whole number"),
    re.compile(r"[\w.]+\.log\.level"): (
        re.compile(r"trace|debug|info|warn(?:ing)?|error|fatal|panic", re.IGNORECASE),
        "a level such as info",
    ),
    re.compile(r"[\w.]+\.log\.format"): (re.compile(r"text|json", re.IGNORECASE), "text or json"),
    re.compile(r"(?:server\.(?:insecure|disable\.auth|enable\.gzip)|[\w.]+\.enabled|[\w.]+\.insecure)"): (
        re.compile(r"1|0|t|f|true|false", re.IGNORECASE),
        "true or false",
    ),
}
"""What keys of `argocd-cmd-params-cm` may be."""
_LONG: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_POLICY: Final = re.compile(r"policy\.(?:.*\.)?csv")
_ALWAYS: Final = re.compile(r"\*(?:/1)? \*(?: \*){3}")


def check(environment: Environment) -> Iterator[Violation]:
    """Finds what Argo CD ignores."""
    kinds = _Kinds(environment)
    for resource in environment.resources:
        yield from _metadata(resource, resource.kind, ())
        if resource.kind == "ConfigMap" and resource.name in ("argocd-cm", "argocd-rbac-cm"):
            yield from _settings(resource, kinds)
        elif resource.kind == "ConfigMap" and resource.name == "argocd-cmd-params-cm":
            yield from _parameters(resource)
        elif resource.group == GROUP and resource.kind == "AppProject":
            yield from _project(resource)
        if resource.group == GROUP and resource.kind == "Application":
            yield from _sync_options(resource, ("spec",))
            yield from _ignored(resource, kinds)
            yield from _retries(resource)
        elif resource.group == GROUP and resource.kind == "ApplicationSet":
            yield from _metadata(resource, "Application", ("spec", "template"))
            yield from _sync_options(resource, ("spec", "template", "spec"))


class _Kinds:
    """The kinds of Kubernetes' own groups, looked up when first asked for."""

    def __init__(self, environment: Environment) -> None:
        self._definitions = [crd.value for crd in environment.of_kind("CustomResourceDefinition")]

    @cached_property
    def _known(self) -> Resources:
        return resources([], set())

    @cached_property
    def _custom(self) -> set[tuple[str, str]]:
        return {
            (str(dig(one, "spec", "group")), str(dig(one, "spec", "names", "kind"))) for one in self._definitions
        }

    def wrong(self, group: str, kind: str) -> str:
        """What is wrong with a kind, as the end of a sentence; nothing is known of others' groups."""
        if any(sign in group + kind for sign in "*?[{") or not kind or (group, kind) in self._custom:
            return ""
        groups = {known for known, _ in self._known} | {known for known, _ in self._custom}
        if group not in groups:
            close = closest(group, groups - {""}, 0.75)
            return f"the API group {group}, which does not exist: use {close}" if close else ""
        own = {known for known, name in self._known if name == plural_of(kind)}
        custom = {name for known, name in self._custom if known == group}
        if group in own or (custom and not closest(kind, custom)):
            return ""
        of = group or "the core group"
        kinds = {name for known, name in self._known if known == group and "/" not in name}
        near = closest(plural_of(kind), kinds)
        meant = f": its resources are {near}" if near else ""
        elsewhere = f": it is of {sorted(own)[0] or 'the core group'}" if own else meant
        return f"the kind {kind}, which {of} does not have{elsewhere}"


def readings(environment: Environment) -> Iterator[Reading]:
    """The expressions by which Argo CD finds what to ignore."""
    for application in environment.of_kind("Application"):
        for index, item in enumerate(mappings(dig(application.value, "spec", "ignoreDifferences"))):
            for number, text in enumerate(strings(item.get("jqPathExpressions"))):
                path = ("spec", "ignoreDifferences", index, "jqPathExpressions", number)
                yield Reading(LH207, application, path, "jq", text, "a path that jq cannot read", first=None)


def _settings(config: BuiltResource, kinds: _Kinds) -> Iterator[Violation]:
    for key, value in string_map(config.value.get("data")).items():
        if _ACCOUNT.fullmatch(key) and not _CAPABILITY.fullmatch(value):
            yield Violation(
                LH207, f"{config} sets {key}, which may be login, apiKey or both.", config, ("data", key)
            )
        about = _OF_A_KIND.fullmatch(key)
        if about and (said := kinds.wrong(about["group"] or "", about["kind"])):
            yield Violation(LH207, f"{config} has {key} for {said}.", config, ("data", key))
        known = () if key.startswith(FAMILIES) else _settings_known()
        if known and key not in known and (close := closest(key, known, _ALIKE)):
            message = f"{config} sets {key}, which Argo CD does not read: use {close}."
            yield Violation(LH207, message, config, ("data", key))
        pattern, wanted = _VALUES.get(key, (None, ""))
        if pattern and not pattern.fullmatch(value.strip()):
            yield Violation(LH207, f"{config} sets {key}, which has to be {wanted}.", config, ("data", key))
    yield from _policies(config)


@cache
def _settings_known() -> frozenset[str]:
    return frozenset(SETTINGS_FILE.read_text(encoding="utf-8").split())


def _policies(config: BuiltResource) -> Iterator[Violation]:
    data = string_map(config.value.get("data"))
    policies = {key: text for key, text in data.items() if _POLICY.fullmatch(key)}
    for key, line, said in rbac.of_settings(policies, data.get("policy.default", "").strip()):
        if line is None:
            yield Violation(LH207, f"{config} sets {key} to {said}.", config, ("data", key))
        else:
            message = f"{config} has a {key} with {said}, line {line}."
            yield Violation(LH207, message, config, ("data", key), line)


def _parameters(config: BuiltResource) -> Iterator[Violation]:
    for key, value in string_map(config.value.get("data")).items():
        for name, (pattern, wanted) in _PARAMETERS.items():
            if name.fullmatch(key) and not pattern.fullmatch(value.strip()):
                yield Violation(LH207, f"{config} sets {key}, which has to be {wanted}.", config, ("data", key))


def _retries(application: BuiltResource) -> Iterator[Violation]:
    path = ("spec", "syncPolicy", "retry", "backoff")
    backoff = mapping(dig(application.value, *path))
    seconds: dict[str, float | None] = {}
    for field in ("duration", "maxDuration"):
        text = str(backoff.get(field) or "")
        seconds[field] = _seconds(text) if text else None
        if text and seconds[field] is None:
            message = f"{application} waits {text} between retries, which has to be a duration such as 5s or 3m."
            yield Violation(LH207, message, application, (*path, field))
    first, longest = seconds["duration"], seconds["maxDuration"]
    if first is not None and longest is not None and 0 < longest < first:
        said = f"waits {backoff['duration']} before the first retry, and {backoff['maxDuration']} at most"
        yield Violation(LH207, f"{application} {said}: raise maxDuration.", application, (*path, "maxDuration"))
    if isinstance(factor := backoff.get("factor"), int) and factor < 1:
        message = f"{application} waits {factor} times as long before each retry: set the factor to 1 or more."
        yield Violation(LH207, message, application, (*path, "factor"))


def _seconds(text: str) -> float | None:
    """The seconds of a duration, as Argo CD reads it; None for what is none.

    >>> _seconds("1m30s"), _seconds("5"), _seconds("3min")
    (90.0, 5.0, None)
    """
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([a-zµ]+)", text)
    if not parts or "".join(map("".join, parts)) != text or any(unit not in _LONG for _, unit in parts):
        return None
    return sum(float(number) * _LONG[unit] for number, unit in parts)


def _project(project: BuiltResource) -> Iterator[Violation]:
    """The policies of an AppProject's roles, which are for its own Applications, and its windows."""
    for index, window in enumerate(mappings(dig(project.value, "spec", "syncWindows"))):
        if window.get("kind") == "deny" and _ALWAYS.fullmatch(str(window.get("schedule"))):
            message = f"{project} has a window that denies syncs at every minute: name the time that it is for."
            yield Violation(LH207, message, project, ("spec", "syncWindows", index, "schedule"))
    for index, role in enumerate(mappings(dig(project.value, "spec", "roles"))):
        for number, line in enumerate(strings(role.get("policies"))):
            for problem in rbac.of_project(project.name, str(role.get("name")), line):
                message = f"{project} has a role {role.get('name')} with {problem}."
                yield Violation(LH207, message, project, ("spec", "roles", index, "policies", number))


def _metadata(resource: BuiltResource, kind: str, path: tuple[Step, ...]) -> Iterator[Violation]:
    metadata = dig(resource.value, *path, "metadata")
    for key in string_map(dig(metadata, "labels")).keys() & _ANNOTATIONS:
        message = f"{resource} has the label {key}, which Argo CD only reads as an annotation."
        yield Violation(LH207, message, resource, (*path, "metadata", "labels", key))
    for index, name in enumerate(strings(dig(metadata, "finalizers"))):
        if name in _FINALIZERS:
            continue
        if "argocd.argoproj.io" in name or closest(name, _FINALIZERS, _ALIKE):
            message = (
                f"{resource} has the finalizer {name}, which Argo CD does not know{_instead(name, _FINALIZERS)}."
            )
            yield Violation(LH207, message, resource, (*path, "metadata", "finalizers", index))
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


def _ignored(application: BuiltResource, kinds: _Kinds) -> Iterator[Violation]:
    """The kinds and pointers of differences to ignore."""
    for index, item in enumerate(mappings(dig(application.value, "spec", "ignoreDifferences"))):
        if said := kinds.wrong(str(item.get("group") or ""), str(item.get("kind") or "")):
            message = f"{application} ignores differences of {said}."
            yield Violation(LH207, message, application, ("spec", "ignoreDifferences", index, "kind"))
        for number, pointer in enumerate(strings(item.get("jsonPointers"))):
            if not pointer.startswith("/"):
                message = (
                    f"{application} ignores differences at {pointer}, which is no JSON pointer: write /{pointer}."
                )
                path = ("spec", "ignoreDifferences", index, "jsonPointers", number)
                yield Violation(LH207, message, application, path)


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
