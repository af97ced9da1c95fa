"""What traffic a NetworkPolicy allows, and whether another allows it as well."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.manifests.values import canonical, dig, mapping, mappings, string_map, strings

DIRECTIONS = ("ingress", "egress")


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


def restricts(policy: dict[str, Any], direction: str) -> bool:
    """Whether a policy restricts a direction at all: ingress unless its types say otherwise."""
    spec = mapping(policy.get("spec"))
    types = strings(spec.get("policyTypes")) or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return direction.capitalize() in types


def allowed(policy: dict[str, Any], direction: str) -> list[Traffic]:
    """The traffic that a policy allows in a direction; all where it restricts none."""
    if not restricts(policy, direction):
        return [Traffic(None, None)]
    return [traffic for rule in mappings(dig(policy, "spec", direction)) for traffic in _of_rule(rule, direction)]


def _of_rule(rule: dict[str, Any], direction: str) -> Iterator[Traffic]:
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
