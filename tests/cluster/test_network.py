"""Names, services, load balancers, and network policies that are enforced."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
Eventually = Callable[..., None]


def service(name: str, kind: str = "ClusterIP") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def policy(name: str, selector: Object, **rules: Any) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": selector, "policyTypes": ["Ingress", "Egress"], **rules},
    }


def app(name: str) -> Object:
    return {"matchLabels": {"app": name}}


DNS = policy(
    "dns",
    {},
    egress=[
        {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                }
            ],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        }
    ],
)


def test_a_service_is_reached_by_its_name(
    namespace: Any, greeter: Object, make_pod: Any, eventually: Eventually
) -> None:
    namespace.apply(greeter, service("greeter"), make_pod("caller", "sleep", "infinity"))
    namespace.ready("greeter", "caller")

    eventually("the service answers", lambda: namespace.greeting("caller", "greeter", 80) == "hello")
    full = f"greeter.{namespace.name}.svc.cluster.local"
    address = namespace.get("service", "greeter")["spec"]["clusterIP"]
    assert address in namespace.run("caller", "getent", "hosts", full)


def test_a_name_that_is_not_there_is_not_found(namespace: Any, make_pod: Any) -> None:
    namespace.apply(make_pod("caller", "sleep", "infinity"))
    namespace.ready("caller")

    assert namespace.run("caller", "getent", "hosts", "nothing-of-that-name") == "exit 2\n"


def test_a_load_balancer_has_an_address_that_this_machine_reaches(
    namespace: Any, greeter: Object, eventually: Eventually
) -> None:
    namespace.apply(greeter, service("greeter", "LoadBalancer"))
    namespace.ready("greeter")

    def addresses() -> list[str]:
        status = namespace.get("service", "greeter")["status"]["loadBalancer"]
        return [ingress["ip"] for ingress in status.get("ingress", [])]

    eventually("the service has an address", lambda: len(addresses()) == 1)

    def greeted() -> bool:
        try:
            with socket.create_connection((addresses()[0], 80), timeout=2) as connection:
                return connection.recv(100) == b"hello\n"
        except OSError:
            return False

    eventually("the address answers", greeted)


def test_two_load_balancers_have_different_addresses(
    namespace: Any, greeter: Object, eventually: Eventually
) -> None:
    def addresses(*names: str) -> set[str]:
        statuses = (namespace.get("service", name)["status"]["loadBalancer"] for name in names)
        return {ingress["ip"] for status in statuses for ingress in status.get("ingress", [])}

    # One after the other: of two made at the same moment, kube-router does not see the first one's address yet
    # when it chooses the second one's (docs/cluster.md).
    namespace.apply(greeter, service("greeter", "LoadBalancer"))
    eventually("the first has an address", lambda: len(addresses("greeter")) == 1)
    namespace.apply(service("other", "LoadBalancer"))
    eventually("both have an address of their own", lambda: len(addresses("greeter", "other")) == 2)


def test_policies_let_through_what_they_allow_and_nothing_else(
    namespace: Any, greeter: Object, make_pod: Any, eventually: Eventually
) -> None:
    callers = [make_pod(name, "sleep", "infinity") for name in ("friend", "stranger")]
    namespace.apply(greeter, service("greeter"), *callers)
    namespace.ready("greeter", "friend", "stranger")
    for caller in ("friend", "stranger"):
        eventually(
            f"the {caller} is answered", lambda name=caller: namespace.greeting(name, "greeter", 80) == "hello"
        )

    port = [{"port": 8080}]
    namespace.apply(
        policy("nothing", {}),
        DNS,
        policy("in", app("greeter"), ingress=[{"from": [{"podSelector": app("friend")}], "ports": port}]),
        policy("out", app("friend"), egress=[{"to": [{"podSelector": app("greeter")}], "ports": port}]),
    )

    # Policies take effect one after the other; the last one lets the friend through again.
    eventually("the stranger is cut off", lambda: not namespace.greeting("stranger", "greeter", 80))
    eventually("the friend is not", lambda: namespace.greeting("friend", "greeter", 80) == "hello")
    assert not namespace.greeting("stranger", "greeter", 80)
    # What leaves a pod is judged too: the API server is allowed to nobody here.
    assert namespace.run("friend", "timeout", "4", "bash", "-c", "</dev/tcp/kubernetes.default/443") != "exit 0\n"
    assert namespace.run("stranger", "getent", "hosts", "greeter").endswith("exit 0\n")


def test_a_policy_that_is_gone_no_longer_counts(
    namespace: Any, greeter: Object, make_pod: Any, eventually: Eventually
) -> None:
    namespace.apply(
        greeter, service("greeter"), make_pod("caller", "sleep", "infinity"), policy("closed", app("greeter"))
    )
    namespace.ready("greeter", "caller")
    eventually("the policy is in force", lambda: not namespace.greeting("caller", "greeter", 80))

    namespace.kind.kubectl("delete", "networkpolicy", "closed", "--namespace", namespace.name)

    eventually("the way is open again", lambda: namespace.greeting("caller", "greeter", 80) == "hello")


def test_a_policy_can_admit_another_namespace_only(
    namespace: Any, greeter: Object, make_pod: Any, eventually: Eventually
) -> None:
    rule = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-public"}}}
    namespace.apply(
        greeter,
        make_pod("caller", "sleep", "infinity"),
        policy("public-only", app("greeter"), ingress=[{"from": [rule]}]),
    )
    namespace.ready("greeter", "caller")
    address = namespace.get("pod", "greeter")["status"]["podIP"]
    visitor = type(namespace)(namespace.kind, "kube-public")
    visitor.apply(make_pod("visitor", "sleep", "infinity"))
    try:
        visitor.ready("visitor")
        eventually("its own namespace is shut out", lambda: not namespace.greeting("caller", address, 8080))
        eventually("the other one is let in", lambda: visitor.greeting("visitor", address, 8080) == "hello")
    finally:
        namespace.kind.kubectl("delete", "pod", "visitor", "--namespace", "kube-public", "--wait=false")
