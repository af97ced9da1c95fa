"""Policy that no engine checks: access, Secrets in git, namespaces, one owner per resource."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH108: Final = ValidationRule(
    "LH108",
    "A resource has one owner",
    "Two Applications with the same resource revert each other's changes forever.",
)
LH501: Final = ValidationRule(
    "LH501", "Nothing is bound to cluster-admin", "One hijacked pod would control the cluster."
)
LH502: Final = ValidationRule(
    "LH502", "Roles name their groups, resources and verbs", "A wildcard also grants access to future resources."
)
LH503: Final = ValidationRule(
    "LH503",
    "No role is bound to a default ServiceAccount",
    "Every pod without an account of its own would have it.",
)
LH504: Final = ValidationRule(
    "LH504", "Secrets have no values in git", "Anyone who can read the repository could log in."
)
LH506: Final = ValidationRule(
    "LH506", "Roles do not list or watch Secrets", "Listing returns every value in the namespace."
)
LH507: Final = ValidationRule(
    "LH507",
    "A namespace denies traffic by default",
    "Pods that no policy selects have unrestricted traffic.",
    is_about_absence=True,
    provided_by=frozenset({"NetworkPolicy"}),
)
LH508: Final = ValidationRule(
    "LH508", "A namespace enforces the restricted Pod Security level", "A privileged pod would be admitted."
)
LH509: Final = ValidationRule("LH509", "Long-running containers have a probe", "A hung process is never restarted.")
LH510: Final = ValidationRule(
    "LH510",
    "A Deployment whose volume only one node mounts is recreated, not rolled",
    "The new pod on another node waits for the volume, and the old one for the new one.",
)

_LONG_RUNNING: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_OF_ONE_NODE: Final = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"


def check(environment: Environment) -> Iterator[Violation]:
    """Finds violations of the platform's own rules."""
    yield from _owners(environment)
    yield from _roles(environment)
    yield from _bindings(environment)
    yield from _secrets(environment)
    yield from _namespaces(environment)
    yield from _probes(environment)
    yield from _rolled(environment)


def _owners(environment: Environment) -> Iterator[Violation]:
    first: dict[tuple[str, str, str, str], BuiltResource] = {}
    for resource in environment.resources:
        key = (resource.group, resource.kind, resource.namespace, resource.name)
        other = first.setdefault(key, resource)
        if other is not resource:
            both = f"{other.build.root.name} and {resource.build.root.name}"
            yield Violation(LH108, f"{resource} is in both {both}.", resource, ("metadata", "name"))


def _roles(environment: Environment) -> Iterator[Violation]:
    for role in environment.of_kind("Role", "ClusterRole"):
        for index, rule in enumerate(mappings(role.value.get("rules"))):
            wild = [
                field
                for field in ("apiGroups", "resources", "verbs", "nonResourceURLs")
                if "*" in _list(rule, field)
            ]
            if wild:
                yield Violation(LH502, f"{role} has * in {', '.join(wild)}.", role, ("rules", index, wild[0]))
            secrets = "secrets" in _list(rule, "resources") and "" in _list(rule, "apiGroups")
            verbs = [verb for verb in ("list", "watch") if verb in _list(rule, "verbs")]
            if secrets and verbs:
                message = f"{role} may {' and '.join(verbs)} Secrets, and thus read every value."
                yield Violation(LH506, message, role, ("rules", index))


def _list(rule: dict[str, Any], field: str) -> list[str]:
    return [str(item) for item in sequence(rule.get(field))]


def _bindings(environment: Environment) -> Iterator[Violation]:
    for binding in environment.of_kind("RoleBinding", "ClusterRoleBinding"):
        if dig(binding.value, "roleRef", "name") == "cluster-admin":
            yield Violation(LH501, f"{binding} grants cluster-admin.", binding, ("roleRef", "name"))
        for subject in mappings(binding.value.get("subjects")):
            if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
                place = subject.get("namespace") or binding.namespace
                message = f"{binding} grants permissions to every pod in {place} that uses the default account."
                yield Violation(LH503, message, binding, ("subjects", "default"))


def _secrets(environment: Environment) -> Iterator[Violation]:
    for secret in environment.of_kind("Secret"):
        for field in ("data", "stringData"):
            for key, value in string_map(secret.value.get(field)).items():
                if value:
                    yield Violation(LH504, f"{secret} has a value for {key} in git.", secret, (field, key))


def _namespaces(environment: Environment) -> Iterator[Violation]:
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
            yield Violation(LH508, message, namespace, ("metadata", "labels"))
        if name in busy and name not in denied:
            yield Violation(
                LH507, f"{namespace} has pods but no NetworkPolicy that denies traffic by default.", namespace
            )


def _probes(environment: Environment) -> Iterator[Violation]:
    """kube-score checks only pods behind a Service."""
    for pod in environment.pods:
        if pod.owner.kind not in _LONG_RUNNING:
            continue
        for path, container, first in pod.containers():
            if not first and not any(container.get(probe) for probe in ("livenessProbe", "readinessProbe")):
                name = container.get("name")
                yield Violation(
                    LH509, f"{pod.owner} {name} has neither a liveness nor a readiness probe.", pod.owner, path
                )


def _rolled(environment: Environment) -> Iterator[Violation]:
    for pod in environment.pods:
        if pod.owner.kind != "Deployment" or dig(pod.owner.value, "spec", "strategy", "type") == "Recreate":
            continue
        for volume in mappings(pod.spec.get("volumes")):
            name = dig(volume, "persistentVolumeClaim", "claimName")
            claim = environment.get("PersistentVolumeClaim", pod.namespace, str(name)) if name else None
            modes = set(map(str, sequence(dig(claim.value, "spec", "accessModes")))) if claim else set()
            if modes and modes <= _OF_ONE_NODE:
                message = f"{pod.owner} is rolled, and only one node mounts {claim}: set the strategy Recreate."
                yield Violation(LH510, message, pod.owner, ("spec", "strategy"))
