"""Rules on delivery, exposure and secrets: Argo CD, services and routes, keys."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.applications.argocd import WAVE
from harness.manifests.values import canonical, dig, mappings, strings
from harness.review.fieldpath import path_text
from harness.review.model import FieldKind
from harness.review.risks.context import Change, Judgement
from harness.review.risks.rule import high, low, medium

DF601: Final = high(
    "DF601", "Application removed", "With prune or its finalizer, everything that it deployed is deleted."
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
DF609: Final = high("DF609", "What a review may do or leaves out changes", "It holds for later reviews.")
DF701: Final = high("DF701", "Service is exposed", "It is reachable from outside the cluster.")
DF702: Final = high("DF702", "More addresses are allowed", "The load balancer accepts traffic from more clients.")
DF703: Final = medium("DF703", "Ingress or route changes", "Other host names or paths lead to the workload.")
DF704: Final = medium("DF704", "Service's ports change", "Connections to the old port fail.")
DF705: Final = medium("DF705", "Service removed", "Its name no longer resolves.")
DF706: Final = high("DF706", "TLS is removed", "Traffic is no longer encrypted.")
DF801: Final = medium("DF801", "Secret changes", "Whatever uses the key needs the new value.")
DF802: Final = high("DF802", "Secret or one of its keys removed", "Pods that need it fail to start.")
DF803: Final = medium("DF803", "An external secret's origin changes", "Another value or none reaches the cluster.")

_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
_APPLICATIONS: Final = ("Application", "ApplicationSet")
_FLUX: Final = "kustomize.toolkit.fluxcd.io"
_HOOKS: Final = ("argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy", WAVE)
_GUARDS: Final = ("Prune=false", "Delete=false", "Prune=confirm", "Delete=confirm")
_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_ROUTES: Final = (
    "Ingress",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "IngressRoute",
    "VirtualService",
    "Gateway",
    "Route",
)
_EXTERNAL: Final = ("ExternalSecret", "SecretStore", "ClusterSecretStore", "ClusterExternalSecret")
_EXPOSED: Final = {"ClusterIP": 0, "ExternalName": 0, "NodePort": 1, "LoadBalancer": 2}


def check(change: Change) -> Iterator[Judgement]:
    if change.kind in _APPLICATIONS and change.resource.group == "argoproj.io":
        yield from _application(change)
    if change.kind == "Kustomization" and change.resource.group == _FLUX:
        yield from _flux(change)
    if change.moved_from:
        said = f"{change.name} moves from Application {change.moved_from} to {change.resource.application}"
        yield DF607, f"{said}: one may prune what the other applies", ""
    yield from _order(change)
    if change.kind == "Service":
        yield from _service(change)
    elif change.kind in _ROUTES:
        yield from _route(change)
    elif change.kind in ("Secret", "SealedSecret"):
        yield from _secret(change)
    elif change.kind in _EXTERNAL and (change.before is not None or change.after is None):
        if change.after is None:
            yield DF802, f"{change.name} is removed, with the Secret that it creates", ""
        elif path := change.touches("spec"):
            yield DF803, f"{change.name} changes {path}", path


def _application(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        cascade = _FINALIZER in strings(dig(change.old, "metadata", "finalizers"))
        all_of_it = (
            "with everything that it deployed, because of its finalizer" if cascade else "and stops being synced"
        )
        yield DF601, f"{change.gone.identity} is removed, {all_of_it}", ""
        return
    if change.before is None:
        return
    prefix: tuple[str, ...] = ("spec", "template", "spec") if change.kind == "ApplicationSet" else ("spec",)
    automated = [dig(value, *prefix, "syncPolicy", "automated") for value in (change.old, change.new)]
    prune = [bool(dig(item, "prune")) for item in automated]
    policy = path_text((*prefix, "syncPolicy", "automated"))
    if prune[1] and not prune[0]:
        yield DF602, f"{change.name} now prunes", f"{policy}.prune"
    elif canonical(automated[0]) != canonical(automated[1]):
        yield DF603, f"{change.name}: automated sync {canonical(automated[0])} → {canonical(automated[1])}", policy
    for name in ("source", "sources"):
        for item, where in change.below(*prefix, name):
            last = where[-1] if isinstance(where[-1], str) else ""
            said = "changes" if item.secret else f"{_text(item.before)} → {_text(item.after)}"
            yield DF605, f"{change.name}: {last or name} {said}", item.path
    if path := change.touches(*prefix, "destination"):
        before, after = (dig(value, *prefix, "destination") for value in (change.old, change.new))
        yield DF606, f"{change.name} deploys to {_destination(after)} instead of {_destination(before)}", path
    if path := change.touches(*prefix, "project"):
        yield DF605, f"{change.name} moves to another project", path
    if change.kind == "ApplicationSet" and (path := change.touches("spec", "generators")):
        yield DF605, f"{change.name} generates other Applications", path


def _flux(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        yield DF601, f"{change.gone.identity} is removed; with prune, everything that it deployed is deleted", ""
    elif change.before is not None:
        if dig(change.new, "spec", "prune") and not dig(change.old, "spec", "prune"):
            yield DF602, f"{change.name} now prunes", "spec.prune"
        for name in ("path", "sourceRef"):
            if path := change.touches("spec", name):
                yield DF605, f"{change.name} has another source", path


def _text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else canonical(value)


def _destination(value: Any) -> str:
    cluster = dig(value, "name") or dig(value, "server") or "nowhere"
    return f"{dig(value, 'namespace') or 'no namespace'} on {cluster}"


def _order(change: Change) -> Iterator[Judgement]:
    if change.before is None or change.after is None:
        return
    for name in _HOOKS:
        before, after = (dig(value, "metadata", "annotations", name) for value in (change.old, change.new))
        if canonical(before) != canonical(after):
            short = name.partition("/")[2]
            path = path_text(("metadata", "annotations", name))
            yield DF604, f"{change.name}: {short} {_text(before)} → {_text(after)}", path
    before, after = (
        str(dig(value, "metadata", "annotations", _OPTIONS) or "") for value in (change.old, change.new)
    )
    for guard in _GUARDS:
        if guard in before and guard not in after:
            path = path_text(("metadata", "annotations", _OPTIONS))
            yield DF608, f"{change.name} no longer has {guard}", path
    lost = set(strings(dig(change.old, "metadata", "finalizers"))) - set(
        strings(dig(change.new, "metadata", "finalizers"))
    )
    for name in sorted(lost):
        yield DF608, f"{change.name} no longer has the finalizer {name}", "metadata.finalizers"


def _service(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        yield DF705, f"{change.gone.identity} is removed", ""
    if change.after is None:
        return
    before = str(dig(change.old, "spec", "type") or "ClusterIP")
    after = str(dig(change.new, "spec", "type") or "ClusterIP")
    if _EXPOSED.get(after, 0) > _EXPOSED.get(before, 0):
        was = "new" if change.before is None else f"was {before}"
        yield DF701, f"{change.name} has type {after} ({was})", "spec.type"
    elif after != before:
        yield DF704, f"{change.name} has type {after}, was {before}", "spec.type"
    more = set(strings(dig(change.new, "spec", "externalIPs"))) - set(
        strings(dig(change.old, "spec", "externalIPs"))
    )
    if more:
        yield DF701, f"{change.name} uses the external addresses {', '.join(sorted(more))}", "spec.externalIPs"
    ranges = [strings(dig(value, "spec", "loadBalancerSourceRanges")) for value in (change.old, change.new)]
    if after == "LoadBalancer" and change.before is not None and before == "LoadBalancer":
        if ranges[0] and not ranges[1]:
            path = "spec.loadBalancerSourceRanges"
            yield DF702, f"{change.name} accepts traffic from everywhere", path
        elif added := sorted(set(ranges[1]) - set(ranges[0])) if ranges[0] else []:
            path = "spec.loadBalancerSourceRanges"
            yield DF702, f"{change.name} also accepts traffic from {', '.join(added)}", path
        for item, where in change.below("metadata", "annotations"):
            if "load-balancer" in str(where[-1]) or "loadbalancer" in str(where[-1]):
                yield DF702, f"{change.name} changes {where[-1]}", item.path
    if change.before is not None and (path_ := change.touches("spec", "ports")):
        yield DF704, f"{change.name} changes {path_}", path_


def _route(change: Change) -> Iterator[Judgement]:
    if change.gone is not None and change.after is None:
        yield DF703, f"{change.name} is removed", ""
        return
    before, after = _hosts(change.old), _hosts(change.new)
    if change.before is not None and dig(change.old, "spec", "tls") and not dig(change.new, "spec", "tls"):
        yield DF706, f"{change.name} no longer has TLS", "spec.tls"
    for host in sorted(after - before):
        yield DF703, f"{change.name} serves {host}", "spec"
    for host in sorted(before - after):
        yield DF703, f"{change.name} no longer serves {host}", "spec"
    if before == after and (path := change.touches("spec")):
        yield DF703, f"{change.name} changes {path}", path


def _hosts(value: dict[str, Any]) -> set[str]:
    spec = dig(value, "spec") or {}
    hosts = strings(dig(spec, "hostnames")) + strings(dig(spec, "hosts"))
    hosts += [str(rule.get("host") or "every name") for rule in mappings(dig(spec, "rules")) if "http" in rule]
    return set(hosts)


def _secret(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        yield DF802, f"{change.gone.identity} is removed", ""
        return
    if change.before is None:
        return
    kinds: dict[FieldKind, list[str]] = {}
    for item, path in change.below():
        if item.secret and len(path) > 1:
            kinds.setdefault(item.kind, []).append(str(path[-1]))
    if gone := kinds.pop(FieldKind.REMOVED, []):
        yield DF802, f"{change.name} loses {', '.join(gone)}", "data"
    for kind, names in kinds.items():
        word = "gets" if kind is FieldKind.ADDED else "has another value for"
        yield DF801, f"{change.name} {word} {', '.join(names)}", "data"
