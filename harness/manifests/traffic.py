"""What traffic a NetworkPolicy allows: whether another allows it as well, and whether a connection is among it."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.pods import matches
from harness.manifests.values import canonical, dig, mapping, mappings, string_map, strings

DIRECTIONS = ("ingress", "egress")
_PRIVATE: Final = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))


@dataclass(frozen=True)
class Endpoint:
    """One end of a connection: a pod, or an address outside of the cluster's network.

    Attributes:
        outside: `private` for an address of the own network, such as the API server's, `public`, or `any`.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    outside: str = ""


@dataclass(frozen=True)
class Port:
    """The port of a server.

    Attributes:
        number: None for all ports.
        names: By which its pod declares it.
    """

    number: int | None
    protocol: str = "TCP"
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.protocol} {self.number}" if self.number else f"any {self.protocol} port"


@dataclass(frozen=True)
class Traffic:
    """Traffic between the selected pods and one peer, on one port or on all.

    Attributes:
        peer: A peer; None for all.
        port: A port; None for all.
    """

    peer: dict[str, Any] | None
    port: dict[str, Any] | None

    def covers(self, other: "Traffic") -> bool:
        return _covers_peer(self.peer, other.peer) and _covers_port(self.port, other.port)

    def has_peer(self, end: Endpoint, namespace: str) -> bool:
        """Whether an end is among the peers of a policy in a namespace."""
        if self.peer is None:
            return True
        if "ipBlock" in self.peer:
            return _may_hold(self.peer["ipBlock"], end.outside)
        if end.outside:
            return False
        if "namespaceSelector" in self.peer:
            here = matches(self.peer["namespaceSelector"], dict(end.namespace_labels))
        else:
            here = end.namespace == namespace
        return here and matches(self.peer.get("podSelector"), dict(end.labels))

    def has_port(self, port: Port) -> bool:
        if self.port is None:
            return True
        if (self.port.get("protocol") or "TCP") != port.protocol:
            return False
        wanted = self.port.get("port")
        if wanted is None or (isinstance(wanted, str) and wanted in port.names):
            return True
        span = _span(self.port)
        return span is not None and port.number is not None and span[0] <= port.number <= span[1]


def restricts(policy: dict[str, Any], direction: str) -> bool:
    """Whether a policy restricts a direction at all: ingress unless its types say otherwise."""
    spec = mapping(policy.get("spec"))
    types = strings(spec.get("policyTypes")) or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return direction.capitalize() in types


def allowed(policy: dict[str, Any], direction: str) -> list[Traffic]:
    """The traffic that a policy allows in a direction; all where it restricts none."""
    if not restricts(policy, direction):
        return [Traffic(None, None)]
    return [traffic for rule in mappings(dig(policy, "spec", direction)) for traffic in traffic_of(rule, direction)]


def traffic_of(rule: dict[str, Any], direction: str) -> Iterator[Traffic]:
    """The traffic that one rule of a policy allows."""
    peers: list[dict[str, Any] | None] = [*mappings(rule.get("from" if direction == "ingress" else "to"))]
    ports: list[dict[str, Any] | None] = [*mappings(rule.get("ports"))]
    for peer in peers or [None]:
        for port in ports or [None]:
            yield Traffic(peer, port)


def missing(wanted: list[Traffic], there: list[Traffic]) -> bool:
    """Whether some traffic is not covered by other."""
    return not all(any(one.covers(other) for one in there) for other in wanted)


def _covers_peer(wide: dict[str, Any] | None, narrow: dict[str, Any] | None) -> bool:
    if wide is None or canonical(wide) == canonical(narrow):
        return True
    if narrow is None:
        return False
    if "ipBlock" in wide or "ipBlock" in narrow:
        return "ipBlock" in wide and "ipBlock" in narrow and _covers_block(wide["ipBlock"], narrow["ipBlock"])
    if ("namespaceSelector" in wide) != ("namespaceSelector" in narrow):
        return False
    return all(_covers_labels(wide.get(name), narrow.get(name)) for name in ("namespaceSelector", "podSelector"))


def _covers_labels(wide: Any, narrow: Any) -> bool:
    """Whether a label selector has no condition that another lacks."""
    labels = [string_map(dig(item, "matchLabels")) for item in (wide, narrow)]
    expressions = [{canonical(item) for item in mappings(dig(side, "matchExpressions"))} for side in (wide, narrow)]
    return labels[0].items() <= labels[1].items() and expressions[0] <= expressions[1]


def _covers_block(wide: Any, narrow: Any) -> bool:
    try:
        outer, inner = (ipaddress.ip_network(str(dig(block, "cidr")), strict=False) for block in (wide, narrow))
        holes, known = (
            [ipaddress.ip_network(text) for text in strings(dig(block, "except"))] for block in (wide, narrow)
        )
    except ValueError:
        return False
    if not _contains(outer, inner):
        return False
    return all(not hole.overlaps(inner) or any(_contains(other, hole) for other in known) for hole in holes)


def _contains(outer: Any, inner: Any) -> bool:
    return outer.version == inner.version and bool(inner.subnet_of(outer))


def _covers_port(wide: dict[str, Any] | None, narrow: dict[str, Any] | None) -> bool:
    if wide is None:
        return True
    if narrow is None or (wide.get("protocol") or "TCP") != (narrow.get("protocol") or "TCP"):
        return False
    if wide.get("port") is None or wide == narrow:
        return True
    spans = [_span(port) for port in (wide, narrow)]
    if None in spans:
        return wide.get("port") == narrow.get("port") and wide.get("endPort") == narrow.get("endPort")
    (first, last), (start, end) = (span or (0, 0) for span in spans)
    return first <= start and end <= last


def _span(port: dict[str, Any]) -> tuple[int, int] | None:
    number, end = port.get("port"), port.get("endPort")
    if not isinstance(number, int):
        return None
    return number, end if isinstance(end, int) else number


def restricting(policies: list[dict[str, Any]], direction: str, own: Endpoint) -> list[dict[str, Any]]:
    """The policies that restrict the traffic of a pod in a direction."""
    return [
        policy
        for policy in policies
        if dig(policy, "metadata", "namespace") == own.namespace
        and restricts(policy, direction)
        and matches(dig(policy, "spec", "podSelector"), dict(own.labels))
    ]


def permitted(policies: list[dict[str, Any]], direction: str, own: Endpoint, peer: Endpoint, port: Port) -> bool:
    """Whether policies let a connection through at one of its ends."""
    if own.outside:
        return True
    effective = restricting(policies, direction, own)
    return not effective or any(
        traffic.has_peer(peer, own.namespace) and traffic.has_port(port)
        for policy in effective
        for traffic in allowed(policy, direction)
    )


def _may_hold(block: Any, outside: str) -> bool:
    """Whether an address may be in a block; a pod's is in one only if every address is."""
    try:
        network = ipaddress.ip_network(str(dig(block, "cidr")), strict=False)
        holes = [ipaddress.ip_network(text) for text in strings(dig(block, "except"))]
    except ValueError:
        return False
    if not outside:
        return network.prefixlen == 0 and not holes
    own = any(
        network.overlaps(private)
        and not any(_contains(hole, private) or _contains(hole, network) for hole in holes)
        for private in _PRIVATE
        if private.version == network.version
    )
    public = not any(_contains(private, network) for private in _PRIVATE)
    return {"private": own, "public": public}.get(outside, own or public)
