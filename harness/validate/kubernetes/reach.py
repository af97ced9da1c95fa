"""Reach: network policies let every connection through that the manifests declare, at both of its ends."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from harness.manifests.cluster import Cluster
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.traffic import DIRECTIONS, Endpoint, Port, allowed, permitted, restricting, traffic_of
from harness.manifests.values import dig, mappings, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.access import callers_of, has_token
from harness.validate.kubernetes.hosts import ServiceNames, service_names, texts_of
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.monitoring.scraping import Targets, kubelets_of
from harness.validate.rule import ValidationRule

_KINDS: Final = frozenset({"NetworkPolicy", "Namespace", "labels"})


def _rule(id_: str, title: str, why: str, *kinds: str) -> ValidationRule:
    return ValidationRule(id_, title, why, is_about_absence=True, provided_by=_KINDS | set(kinds))


LH711: Final = _rule(
    "LH711", "Network policies allow every use of a Service", "The connection times out.", "Service"
)
LH712: Final = _rule(
    "LH712", "Network policies allow what Prometheus discovers", "The target is down for ever.", "ConfigMap"
)
LH713: Final = _rule("LH713", "A pod that names a host may ask DNS", "No name resolves.")
LH714: Final = _rule(
    "LH714",
    "Network policies allow calls of and by the API server",
    "The calls time out.",
    "RoleBinding",
    "ClusterRoleBinding",
)
LH715: Final = _rule(
    "LH715", "Network policies allow connections from and to the outside that are declared", "They time out."
)
LH717: Final = ValidationRule(
    "LH717", "A policy's types name the directions of its rules", "The rules of another direction are ignored."
)

_KUBELET: Final = 10250
_WAYS: Final = {"ingress": "in", "egress": "out", "": "out or in"}
_DNS: Final = Endpoint("kube-system", {"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"})
_URL: Final = re.compile(
    r"(?<![\w+])([a-z][a-z0-9+]*)://(?:[^\s/@\"']*@)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::(\d+))?(?=[/\s\"',?]|$)"
)
_INSIDE: Final = re.compile(r"\.(?:svc|local|internal|localhost)$|\.svc\.|^\d+(?:\.\d+)+$")
_PORTS: Final = {"http": 80, "https": 443, "ssh": 22}


@dataclass(frozen=True, eq=False)
class Connection:
    """A connection that manifests declare.

    Attributes:
        client: Who opens it, in words; the pod, where it is one.
        server: Whom it is to, in words.
        targets: Its other ends, which all have to answer, each with the ports of which any will do.
        shared: The namespace and name of a variable that several pods read, of which one uses it.
    """

    rule: ValidationRule
    client: str
    server: str
    source: Endpoint
    targets: tuple[tuple[Endpoint, tuple[Port, ...]], ...]
    resource: BuiltResource
    path: FieldPath = ()
    line: int | None = None
    shared: tuple[str, ...] = ()


def check(environment: Environment, cluster: Cluster, targets: Targets) -> Iterator[Violation]:
    """Finds declared connections that no policy allows, each cause once."""
    policies = environment.of_kind("NetworkPolicy")
    yield from _ignored(policies)
    values = [policy.value for policy in policies]
    blocked: dict[tuple[Any, ...], list[Connection]] = {}
    connections = [(one, _blocked(values, one)) for one in _connections(environment, cluster, targets)]
    used = {one.shared for one, keys in connections if one.shared and not keys}
    for connection, keys in connections:
        for key in keys if connection.shared not in used else ():
            blocked.setdefault(key, []).append(connection)
    for (rule, direction, namespace, server, ports), stopped in blocked.items():
        clients = list(dict.fromkeys(connection.client for connection in stopped))
        more = f" and {len(clients) - 1} more" if len(clients) > 1 else ""
        port = " or ".join(map(str, ports))
        message = (
            f"{clients[0]}{more} connect{'' if more else 's'} to {server}, "
            f"which no NetworkPolicy of {namespace} lets {_WAYS[direction]} on {port}."
        )
        yield Violation(rule, message, *_location(policies, direction, stopped[0]))


def _ignored(policies: list[BuiltResource]) -> Iterator[Violation]:
    for policy in policies:
        types = strings(dig(policy.value, "spec", "policyTypes"))
        for direction in DIRECTIONS:
            if types and dig(policy.value, "spec", direction) and direction.capitalize() not in types:
                message = f"{policy} has rules of {direction}, and no {direction.capitalize()} in its policyTypes."
                yield Violation(LH717, message, policy, ("spec", "policyTypes"))


def _blocked(policies: list[dict[str, Any]], connection: Connection) -> list[tuple[Any, ...]]:
    """Where a connection is stopped: (rule, direction, namespace, server, ports)."""
    stopped = list(_stopped(policies, connection))
    if len({direction for _, direction, *_ in stopped}) == len(DIRECTIONS):
        # No policy knows of it, so it is not the policies that are wrong.
        rule, _, _, server, ports = stopped[0]
        namespaces = " or ".join(dict.fromkeys(namespace for _, _, namespace, *_ in stopped))
        return [(rule, "", namespaces, server, ports)]
    return stopped


def _stopped(policies: list[dict[str, Any]], connection: Connection) -> Iterator[tuple[Any, ...]]:
    for target, ports in connection.targets:
        ends = {"egress": (connection.source, target), "ingress": (target, connection.source)}
        for direction in DIRECTIONS:
            own, peer = ends[direction]
            if not any(permitted(policies, direction, own, peer, port) for port in ports):
                yield connection.rule, direction, own.namespace, connection.server, ports


def _location(
    policies: list[BuiltResource], direction: str, connection: Connection
) -> tuple[BuiltResource, FieldPath, int | None]:
    """A policy with this peer, or one for these pods; otherwise what declares the connection."""
    near: list[BuiltResource] = []
    for target, _ in connection.targets if direction else ():
        own, peer = (connection.source, target) if direction == "egress" else (target, connection.source)
        for policy in policies:
            if not restricting([policy.value], direction, own):
                continue
            traffic = allowed(policy.value, direction)
            for index, rule in enumerate(mappings(dig(policy.value, "spec", direction))):
                of_rule = traffic_of(rule, direction)
                if any(one.peer is not None and one.has_peer(peer, own.namespace) for one in of_rule):
                    return policy, ("spec", direction, index, "ports"), None
            if traffic and dig(policy.value, "spec", "podSelector"):
                near.append(policy)
    if near:
        return near[0], ("spec", direction), None
    return connection.resource, connection.path, connection.line


def _connections(environment: Environment, cluster: Cluster, targets: Targets) -> Iterator[Connection]:
    services, callers = service_names(environment), callers_of(environment)
    for pod in environment.pods:
        if pod.owner.kind == "PodTemplate":
            continue
        own = partial(Connection, client=str(pod.owner), source=end_of(environment, pod), resource=pod.owner)
        named = list(_named(environment, services, pod, own))
        yield from named
        if named:
            yield own(LH713, server="DNS", targets=((_DNS, (Port(53, "UDP"),)),), path=pod.spec_path)
        if (pod.namespace, pod.account) in callers and has_token(environment, pod):
            api = (Endpoint(outside="private"), tuple(map(Port, cluster.api_ports)))
            yield own(LH714, server="the API server", targets=(api,), path=pod.spec_path)
        for target, port in targets.get(pod, ()):
            end = (end_of(environment, target), (_port(target, port, "TCP"),))
            yield own(LH712, server=str(target.owner), targets=(end,), path=pod.spec_path)
        if (asking := kubelets_of(environment, pod)) is not None:
            config, key = asking
            kubelets = (Endpoint(outside="private"), (Port(_KUBELET),))
            yield own(LH712, server="the kubelets", targets=(kubelets,), resource=config, path=("data", key))
    yield from _of_applications(environment)
    yield from _from_outside(environment)


def _named(
    environment: Environment, services: ServiceNames, pod: Pod, own: Callable[..., Connection]
) -> Iterator[Connection]:
    """The connections to what a pod's texts name."""
    for text in texts_of(environment, pod):
        variable = text.config[1] if text.config and "." not in text.config[1] else ""
        shared = (pod.namespace, variable) if variable else ()
        for namespace, name, port in services.named(text.value, pod.namespace):
            service = environment.get("Service", namespace, name)
            if service is not None:
                server = f"{service}" + (f":{port}" if port else "")
                targets = tuple(_behind(environment, service, port, pod))
                resource, path, line = text.place(pod, name, port)
                yield own(
                    LH711, server=server, targets=targets, resource=resource, path=path, line=line, shared=shared
                )
        # A file may have links that nobody follows.
        for scheme, host, number in _URL.findall(text.value) if variable or not text.config else ():
            port = int(number) if number else _PORTS.get(scheme)
            if port is not None and not _is_inside(environment, host):
                outside = (Endpoint(outside="public"), (Port(port),))
                yield own(LH715, server=f"{host}:{port}", targets=(outside,), path=text.path, shared=shared)


def _is_inside(environment: Environment, host: str) -> bool:
    return bool(_INSIDE.search(host)) or host.split(".")[1] in environment.namespaces


def _of_applications(environment: Environment) -> Iterator[Connection]:
    """The driver of a SparkApplication and its executors connect to each other, on ports that they choose."""
    by_owner: dict[BuiltResource, dict[str, Pod]] = {}
    for pod in environment.pods:
        if pod.role:
            by_owner.setdefault(pod.owner, {})[pod.role] = pod
    for owner, pods in by_owner.items():
        if len(pods) == 2:
            driver, executor = (end_of(environment, pods[role]) for role in ("driver", "executor"))
            for one, other, role in ((executor, driver, "driver"), (driver, executor, "executor")):
                server = f"its {role}"
                yield Connection(
                    LH711, str(owner), server, one, ((other, (Port(None),)),), owner, (*owner.inside, "spec", role)
                )


def _from_outside(environment: Environment) -> Iterator[Connection]:
    """Load balancers have clients outside, and the API server calls webhooks."""
    for service in environment.of_kind("Service"):
        if dig(service.value, "spec", "type") in ("LoadBalancer", "NodePort"):
            targets = tuple(_behind(environment, service, None, None))
            outside = Endpoint(outside="any")
            yield Connection(LH715, "A client outside", str(service), outside, targets, service, ("spec", "type"))
    for configuration, webhook, reference in environment.webhooks():
        server = environment.get("Service", str(reference.get("namespace")), str(reference.get("name")))
        if server is not None:
            targets = tuple(_behind(environment, server, reference.get("port", 443), None))
            path = ("webhooks", str(webhook.get("name")))
            api = Endpoint(outside="private")
            yield Connection(LH714, "The API server", str(server), api, targets, configuration, path)


def end_of(environment: Environment, pod: Pod) -> Endpoint:
    namespace = environment.namespaces.get(pod.namespace)
    labels = {"kubernetes.io/metadata.name": pod.namespace} | (namespace.labels if namespace else {})
    return Endpoint(pod.namespace, pod.labels, labels)


def _behind(
    environment: Environment, service: BuiltResource, port: int | None, client: Pod | None
) -> Iterator[tuple[Endpoint, tuple[Port, ...]]]:
    """The pods behind a port of a Service, or any of its ports, and their own ports; not the client itself."""
    selector = dig(service.value, "spec", "selector")
    for pod in environment.selected(service.namespace, {"matchLabels": selector}) if selector else ():
        if client is not None and pod.owner is client.owner:
            continue
        ports = tuple(
            target
            for item in mappings(dig(service.value, "spec", "ports"))
            if port in (None, item.get("port"))
            for target in [_target(pod, item)]
            if target is not None
        )
        if ports:
            yield end_of(environment, pod), ports


def _target(pod: Pod, port: dict[str, Any]) -> Port | None:
    """The port of a pod to which a Service forwards; None where the pod does not have it."""
    wanted, protocol = port.get("targetPort", port.get("port")), str(port.get("protocol") or "TCP")
    if isinstance(wanted, int):
        return _port(pod, wanted, protocol)
    for item in pod.ports():
        if item.get("name") == wanted and isinstance(item.get("containerPort"), int):
            return _port(pod, item["containerPort"], protocol)
    return None


def _port(pod: Pod, number: int, protocol: str) -> Port:
    names = [str(item.get("name")) for item in pod.ports() if item.get("containerPort") == number]
    return Port(number, protocol, frozenset(names))
