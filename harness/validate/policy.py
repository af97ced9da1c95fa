"""Policy that no engine at hand judges: access, Secrets in git, what a namespace must have, one owner."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.finding import Defect
from harness.validate.model import BuiltResource, Environment

_LONG_RUNNING: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"


def check(environment: Environment) -> Iterator[Defect]:
    """Finds what breaks the platform's own rules."""
    yield from _owners(environment)
    yield from _roles(environment)
    yield from _bindings(environment)
    yield from _secrets(environment)
    yield from _namespaces(environment)
    yield from _probes(environment)


def _owners(environment: Environment) -> Iterator[Defect]:
    first: dict[tuple[str, str, str, str], BuiltResource] = {}
    for resource in environment.resources:
        key = (resource.group, resource.kind, resource.namespace, resource.name)
        other = first.setdefault(key, resource)
        if other is not resource:
            units = f"{other.build.unit.name} and {resource.build.unit.name}"
            yield Defect("LH108", f"{resource} is in both {units}.", resource, ("metadata", "name"))


def _roles(environment: Environment) -> Iterator[Defect]:
    for role in environment.of_kind("Role", "ClusterRole"):
        for index, rule in enumerate(mappings(role.value.get("rules"))):
            wild = [
                field
                for field in ("apiGroups", "resources", "verbs", "nonResourceURLs")
                if "*" in _list(rule, field)
            ]
            if wild:
                yield Defect("LH502", f"{role} has * in {', '.join(wild)}.", role, ("rules", index, wild[0]))
            secrets = "secrets" in _list(rule, "resources") and "" in _list(rule, "apiGroups")
            verbs = [verb for verb in ("list", "watch") if verb in _list(rule, "verbs")]
            if secrets and verbs:
                message = f"{role} may {' and '.join(verbs)} Secrets, and so read every value."
                yield Defect("LH506", message, role, ("rules", index))


def _list(rule: dict[str, Any], field: str) -> list[str]:
    return [str(item) for item in sequence(rule.get(field))]


def _bindings(environment: Environment) -> Iterator[Defect]:
    for binding in environment.of_kind("RoleBinding", "ClusterRoleBinding"):
        if dig(binding.value, "roleRef", "name") == "cluster-admin":
            yield Defect("LH501", f"{binding} gives cluster-admin.", binding, ("roleRef", "name"))
        for subject in mappings(binding.value.get("subjects")):
            if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
                place = subject.get("namespace") or binding.namespace
                message = f"{binding} gives rights to every pod of {place} that names no account."
                yield Defect("LH503", message, binding, ("subjects", "default"))


def _secrets(environment: Environment) -> Iterator[Defect]:
    for secret in environment.of_kind("Secret"):
        for field in ("data", "stringData"):
            for key, value in string_map(secret.value.get(field)).items():
                if value:
                    yield Defect("LH504", f"{secret} has a value for {key} in git.", secret, (field, key))


def _namespaces(environment: Environment) -> Iterator[Defect]:
    busy = {pod.namespace for pod in environment.pods}
    denied = {
        policy.namespace
        for policy in environment.of_kind("NetworkPolicy")
        if not dig(policy.value, "spec", "podSelector")
        and set(map(str, sequence(dig(policy.value, "spec", "policyTypes")))) == {"Ingress", "Egress"}
        and not dig(policy.value, "spec", "ingress")
        and not dig(policy.value, "spec", "egress")
    }
    for name, namespace in environment.namespaces.items():
        if namespace is None:
            continue
        if namespace.labels.get(_ENFORCE) != "restricted":
            message = f"{namespace} does not enforce restricted Pod Security."
            yield Defect("LH508", message, namespace, ("metadata", "labels"))
        if name in busy and name not in denied:
            yield Defect("LH507", f"{namespace} has pods and no NetworkPolicy that denies by default.", namespace)


def _probes(environment: Environment) -> Iterator[Defect]:
    """kube-score looks at pods behind a Service only."""
    for pod in environment.pods:
        if pod.owner.kind not in _LONG_RUNNING:
            continue
        for path, container, first in pod.containers():
            if not first and not any(container.get(probe) for probe in ("livenessProbe", "readinessProbe")):
                name = container.get("name")
                yield Defect(
                    "LH509", f"{pod.owner} {name} has neither liveness nor readiness probe.", pod.owner, path
                )
