"""Wave order: nothing may need a later wave to become healthy.

Argo CD applies the resources of an Application by phase (PreSync, Sync, PostSync) and, within it, by sync wave, and
waits for the health of one wave before it starts the next; with the health check of Applications (LH403) the same
holds for the Applications that an Application makes. So the order of a resource is a list: the (phase, wave) of the
Application of Applications' child that it belongs to, and so on inwards, then its own. Two resources compare at the
first level where they part. Resources of one wave are applied together, so only a strictly later one is out of
reach.

Needs, for a pod that its resource's health waits for (not a CronJob's, not those submitted later):
the ConfigMaps and Secrets that it takes (a copy by Reflector needs Reflector), its ServiceAccount and what is bound
to it, its claims, and each Service that an init container or a Job names: those cannot end before it answers. A
main container may name a later Service only where the workload's annotation says why that does not keep it from
becoming healthy; in an init container or a Job that excuses what configuration names, but no command. For
everything: its Namespace, its CRD, and the Service of a webhook that may refuse it.
"""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from harness.manifests.applications.argocd import WAVE, sources_of, wave
from harness.manifests.applications.policies import HOOK
from harness.manifests.pods import pods_of
from harness.manifests.values import dig, mappings
from harness.validate.finding import Violation
from harness.validate.kubernetes.hosts import ServiceNames, service_names, texts_of
from harness.validate.kubernetes.policy import LH108
from harness.validate.kubernetes.references import uses
from harness.validate.kubernetes.secrets import Origins
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH401: Final = ValidationRule(
    "LH401",
    "Nothing needs a later wave to become healthy",
    "The sync waits forever.",
    is_about_absence=True,
    provided_by=frozenset({"Application"}),
)
LH402: Final = ValidationRule(
    "LH402",
    "A workload that names a Service of a later wave says why it can start without it",
    "Otherwise the next reader has to find out.",
    is_about_absence=True,
    provided_by=frozenset({"Application"}),
)
LH403: Final = ValidationRule(
    "LH403",
    "Argo CD assesses the health of Applications",
    "Otherwise waves have no effect between Applications.",
    is_about_absence=True,
    provided_by=frozenset({"Application", "ConfigMap"}),
)
LH404: Final = ValidationRule(
    "LH404",
    "Everything is synced by an Application",
    "Anything else is deployed by hand or never.",
    is_about_absence=True,
    provided_by=frozenset({"Application"}),
)

LATER: Final = "lakehouse/later"
"""Annotation of a workload: lines of `service.namespace: why it becomes healthy without it`."""
_PHASES: Final = {"PreSync": -1, "Sync": 0, "PostSync": 1, "SyncFail": 2, "PostDelete": 2}
_HEALTH: Final = "resource.customizations.health.argoproj.io_Application"


@dataclass(frozen=True)
class Level:
    """One step of a resource's order.

    Attributes:
        phase: Of Argo CD's phases, in order; -2 for what is applied before Argo CD runs.
        wave: The sync wave.
        who: The Application or resource at this level; two resources part where this differs.
        resource: That resource; None for what is applied before Argo CD runs.
    """

    phase: int
    wave: int
    who: str = field(compare=False)
    resource: BuiltResource | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Inversion:
    """What needs something that is applied later, and the levels at which the two part.

    Attributes:
        claim: What the needer needs, as the end of a sentence.
    """

    needer: BuiltResource
    needed: BuiltResource
    claim: str
    early: Level
    late: Level


@dataclass
class Order:
    """When each resource of an environment is applied."""

    environment: Environment

    @cached_property
    def owners(self) -> dict[str, list[BuiltResource]]:
        """The Applications that sync a folder."""
        applications_of: dict[str, list[BuiltResource]] = {}
        for application in self.environment.of_kind("Application"):
            for _, source in sources_of(application.value.get("spec")):
                if isinstance(source.get("path"), str):
                    folder = posixpath.normpath(source["path"])
                    applications_of.setdefault(folder, []).append(application)
        return applications_of

    def owner(self, resource: BuiltResource) -> BuiltResource | None:
        """The Application that syncs a resource, if any does."""
        owners = self.owners.get(resource.build.folder)
        return owners[0] if owners else None

    @cached_property
    def roots(self) -> set[str]:
        """The Applications that are applied by hand: they create others, and none creates them.

        One that (through others) syncs its own manifest was applied by hand first, and took itself over; so were
        the others of its circle, and what they sync.
        """
        applications = self.environment.of_kind("Application")
        makers = {str(self.owner(child)) for child in applications}
        by_hand: set[str] = set()
        for application in applications:
            above = [application]
            while (owner := self.owner(above[-1])) is not None and owner not in above:
                above.append(owner)
            if str(application) in makers and (len(above) == 1 or owner is application):
                by_hand.add(str(application))
        return by_hand

    def of(self, resource: BuiltResource) -> tuple[Level, ...]:
        owner = self.owner(resource)
        level = Level(_phase(resource), wave(resource.value) or 0, str(resource), resource)
        if owner is None or str(resource) in self.roots or self._holds_a_root(resource):
            return (Level(-2, 0, "before Argo CD"), level)
        return (*self.of(owner), level)

    def _holds_a_root(self, resource: BuiltResource) -> bool:
        """Whether it is the namespace of an Application that is applied by hand, which exists first."""
        namespaces = {root.partition("/")[0].rpartition(" ")[2] for root in self.roots}
        return resource.kind == "Namespace" and resource.name in namespaces

    def inversions(self, needed: BuiltResource, needer: BuiltResource, claim: str) -> Iterator[Inversion]:
        """One if the needed resource is applied in a later wave than the needer."""
        for late, early in zip(self.of(needed), self.of(needer), strict=False):
            if late.who != early.who:
                if (late.phase, late.wave) > (early.phase, early.wave):
                    yield Inversion(needer, needed, claim, early, late)
                return

    def tell(self, resource: BuiltResource) -> str:
        """A resource's order in words: the wave of its Application, and its own where it is not 0."""
        inner = self.of(resource)[2:]
        if not inner:
            return "before Argo CD"
        phases = {number: name for name, number in _PHASES.items() if name not in ("SyncFail", "PostDelete")}
        words = [
            f"wave {level.wave}" + (f" of {phases.get(level.phase, 'later')}" if level.phase else "")
            for level in inner
        ]
        own = inner[-1]
        return ", ".join(words if own.wave or own.phase or len(words) == 1 else words[:-1])


def _phase(resource: BuiltResource) -> int:
    hooks = [hook.strip() for hook in resource.annotations.get(HOOK, "Sync").split(",")]
    return min(_PHASES.get(hook, 0) for hook in hooks)


def check(environment: Environment, origins: Origins) -> Iterator[Violation]:
    """Finds resources that wait for a later wave."""
    order = Order(environment)
    services = service_names(environment)
    yield from _structure(environment, order)
    yield from _needless(environment)
    inversions = list(_webhooks(environment, order))
    unexplained: list[tuple[Inversion, Violation]] = []
    for resource in environment.resources:
        for needed in _needs_of_resource(environment, resource):
            inversions += order.inversions(needed, resource, f"needs {needed}")
        for pod in pods_of(resource):
            if pod.at_sync:
                for needed, what in _needs_of_pod(environment, origins, pod):
                    inversions += order.inversions(needed, resource, f"needs {what}")
                for inversion, violation in _services(environment, order, services, pod):
                    if violation is None:
                        inversions.append(inversion)
                    else:
                        unexplained.append((inversion, violation))
    misplaced = _misplaced(inversions)
    for who, of_one in misplaced.items():
        yield _violation(order, who, of_one)
    said = {id(inversion): violation for inversion, violation in unexplained}
    rest = [one for one, _ in unexplained if not {one.early.who, one.late.who} & misplaced.keys()]
    for who, of_one in _misplaced(rest).items():
        yield said[id(of_one[0])] if len(of_one) == 1 else _violation(order, who, of_one, LH402)


def _misplaced(inversions: Iterable[Inversion]) -> dict[str, list[Inversion]]:
    """The fewest Applications or resources that explain all inversions, with those that each explains."""
    explained: dict[str, list[Inversion]] = {}
    left = list(inversions)
    while left:
        pairs = {(inversion.early.who, inversion.late.who): inversion for inversion in left}
        counts = Counter(who for pair in pairs for who in pair)
        ranks: dict[str, tuple[int, bool, bool]] = {}
        for inversion in pairs.values():
            for level in (inversion.early, inversion.late):
                if level.resource is not None:
                    said = not level.resource.annotations.keys().isdisjoint((WAVE, HOOK))
                    ranks[level.who] = (counts[level.who], said, level is inversion.late)
        who = max(ranks, key=lambda name: ranks[name])
        explained[who] = [inversion for inversion in left if who in (inversion.early.who, inversion.late.who)]
        left = [inversion for inversion in left if who not in (inversion.early.who, inversion.late.who)]
    return explained


def _violation(order: Order, who: str, inversions: list[Inversion], rule: ValidationRule = LH401) -> Violation:
    first = inversions[0]
    is_late = first.late.who == who
    level = first.late if is_late else first.early
    assert level.resource is not None  # noqa: S101 - only those with a resource are misplaced
    resource, needer = level.resource, first.needer
    more = ", among others" if len({one.needer if is_late else one.needed for one in inversions}) > 1 else ""
    claim = f"{needer} ({order.tell(needer)}) {first.claim}"
    message = (
        f"{resource} comes too late ({order.tell(resource)}): {claim}{more}."
        if is_late
        else f"{resource} comes too early: {claim} ({order.tell(first.needed)}){more}."
    )
    annotation = WAVE if WAVE in resource.annotations else HOOK
    return Violation(rule, message, resource, ("metadata", "annotations", annotation))


def _services(
    environment: Environment, order: Order, services: ServiceNames, pod: Pod
) -> Iterator[tuple[Inversion, Violation | None]]:
    """The later Services that a pod names; with a violation if it need not wait for one but does not say why."""
    resource = pod.owner
    seen: set[tuple[str, str]] = set()
    reasons = dict(_reasons(resource))
    for text in texts_of(environment, pod):
        for namespace, name, _ in services.named(text.value, pod.namespace):
            service = environment.get("Service", namespace, name)
            if service is None or (namespace, name) in seen:
                continue
            selector = dig(service.value, "spec", "selector")
            behind = environment.selected(namespace, {"matchLabels": selector}) if selector else []
            reason = reasons.get(f"{name}.{namespace}")
            is_command = text.path[-1] in ("command", "args")
            waits = (text.first or resource.kind == "Job") and (is_command or not reason)
            where = f"Service {namespace}/{name}"
            claim = (
                f"cannot complete before {where} responds"
                if waits
                else f"names {where} without a reason in {LATER}"
            )
            late = [
                inversion
                for owner in dict.fromkeys(other.owner for other in behind)
                for inversion in order.inversions(owner, resource, claim)
            ]
            if not late:
                continue
            seen.add((namespace, name))
            if waits:
                yield late[0], None
            elif not reason:
                where = f"{where} ({order.tell(late[0].needed)})"
                message = f"{resource} ({order.tell(resource)}) names {where}, without a reason in {LATER}."
                yield late[0], Violation(LH402, message, resource, text.path)


def _needless(environment: Environment) -> Iterator[Violation]:
    """Reasons that are about no Service."""
    for resource in environment.sound:
        for service, _ in _reasons(resource):
            name, _, namespace = service.partition(".")
            if service and environment.get("Service", namespace, name) is None:
                message = f"{resource} says in {LATER} why it can start without {service}, which is no Service."
                yield Violation(LH402, message, resource, ("metadata", "annotations", LATER))


def _reasons(resource: BuiltResource) -> Iterator[tuple[str, str]]:
    for line in resource.annotations.get(LATER, "").splitlines():
        service, _, reason = line.partition(":")
        yield service.strip(), reason.strip()


def _needs_of_resource(environment: Environment, resource: BuiltResource) -> Iterator[BuiltResource]:
    if resource.namespace:
        namespace = environment.get("Namespace", "", resource.namespace)
        if namespace is not None:
            yield namespace
    if resource.group:
        for definition in environment.of_kind("CustomResourceDefinition"):
            spec = definition.value.get("spec")
            if dig(spec, "group") == resource.group and dig(spec, "names", "kind") == resource.kind:
                yield definition


def _needs_of_pod(environment: Environment, origins: Origins, pod: Pod) -> Iterator[tuple[BuiltResource, str]]:
    """What a pod needs, and how to name it."""
    for kind, name, _, optional, _ in uses(pod):
        origin = origins.get((kind, pod.namespace, name))
        if origin is not None and origin.maker is not None and not optional:
            what = f"{kind} {pod.namespace}/{name}"
            made = "" if origin.maker.name == name else f" (made by {origin.maker})"
            yield origin.maker, what + made
    account = environment.get("ServiceAccount", pod.namespace, pod.account)
    if account is not None:
        yield account, str(account)
        for binding in environment.bindings_of(account.namespace, account.name):
            yield binding, f"{binding}, its rights"
    for volume in mappings(pod.spec.get("volumes")):
        claim = environment.get(
            "PersistentVolumeClaim", pod.namespace, str(dig(volume, "persistentVolumeClaim", "claimName"))
        )
        if claim is not None:
            yield claim, str(claim)


def _webhooks(environment: Environment, order: Order) -> Iterator[Inversion]:
    """A fail-closed webhook rejects everything that it matches until its Service answers."""
    for configuration, webhook, reference in environment.webhooks():
        service = environment.get("Service", str(reference.get("namespace")), str(reference.get("name")))
        if webhook.get("failurePolicy", "Fail") != "Fail" or service is None:
            continue
        pods = environment.selected(service.namespace, {"matchLabels": dig(service.value, "spec", "selector")})
        for needed in dict.fromkeys(pod.owner for pod in pods):
            yield from order.inversions(needed, configuration, f"needs {needed} behind its webhook")


def _structure(environment: Environment, order: Order) -> Iterator[Violation]:
    applications = environment.of_kind("Application")
    if not applications:
        return
    if any(WAVE in application.annotations for application in applications):
        config = next((item for item in environment.of_kind("ConfigMap") if item.name == "argocd-cm"), None)
        script = str(dig(config.value, "data", _HEALTH) or "") if config else ""
        if "health_status" not in script and "hs." not in script:
            where = config or applications[0]
            message = f"{where} has no {_HEALTH}, so waves have no effect between Applications."
            yield Violation(LH403, message, where, ("data",))
    unowned: set[str] = set()
    for resource in environment.resources:
        root = resource.build.root
        if order.owner(resource) is None and root.name not in unowned and resource.kind != "Application":
            unowned.add(root.name)
            message = (
                f"{environment.name}/{root.name} is synced by no Application; {resource} is one of its resources."
            )
            yield Violation(LH404, message, resource)
    for folder, owners in order.owners.items():
        if len(owners) > 1:
            names = " and ".join(str(owner) for owner in owners)
            yield Violation(
                LH108, f"{names} both sync {posixpath.basename(folder)}.", owners[1], ("spec", "source", "path")
            )
