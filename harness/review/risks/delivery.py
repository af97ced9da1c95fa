"""Rules on exposure and secrets: services and routes, keys."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import dig, mappings, strings
from harness.review.model import FieldKind
from harness.review.risks.context import Change, Judgement
from harness.review.risks.rule import high, medium

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
