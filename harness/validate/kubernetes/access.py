"""Access: Roles grant what exists, somebody holds them, and whoever calls the API can."""

from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.cluster import Cluster
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.pods import matches
from harness.manifests.values import dig, mapping, mappings, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import (
    AGGREGATED,
    SPECIAL_VERBS,
    SUBRESOURCE_VERBS,
    URL_VERBS,
    VERBS,
    Resources,
    plural_of,
    resources,
)
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH721: Final = ValidationRule(
    "LH721",
    "The groups, resources and verbs of a Role exist",
    "The Role is accepted, and grants nothing.",
    is_about_absence=True,
    provided_by=frozenset({"CustomResourceDefinition"}),
)
LH722: Final = ValidationRule(
    "LH722",
    "A pod whose account has permissions has its token",
    "Its calls are refused; if it makes none, its account needs no permissions.",
)
LH723: Final = ValidationRule(
    "LH723",
    "A Role is bound to somebody",
    "Nobody has the permissions, or they are left over.",
    is_about_absence=True,
    provided_by=frozenset({"RoleBinding", "ClusterRoleBinding", "ClusterRole"}),
)

LH724: Final = ValidationRule(
    "LH724",
    "A pod that asks for a token has permissions",
    "Its calls are refused; if it makes none, it needs no token.",
    is_about_absence=True,
    provided_by=frozenset({"RoleBinding", "ClusterRoleBinding"}),
)

_ROLES: Final = ("Role", "ClusterRole")
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")
_ACCOUNTS: Final = "system:serviceaccounts"
_ALL: Final = "*"
_AGGREGATED: Final = "rbac.authorization.k8s.io/aggregate-to-"

Account = tuple[str, str]
"""(namespace, name)"""


def check(environment: Environment, cluster: Cluster) -> Iterator[Violation]:
    """Finds permissions without effect."""
    roles = environment.of_kind(*_ROLES)
    groups = {
        group
        for role in roles
        for rule in mappings(role.value.get("rules"))
        for group in strings(rule.get("apiGroups"))
    }
    crds = [crd.value for crd in environment.of_kind("CustomResourceDefinition")]
    known = resources(crds, groups) if roles else {}
    bound = [str(dig(one.value, "roleRef", "name")) for one in environment.of_kind("ClusterRoleBinding")]
    for role in roles:
        everywhere = role.kind == "ClusterRole" and (role.name in bound or not _bindings_of(environment, role))
        for index, rule in enumerate(mappings(role.value.get("rules"))):
            for field, said in without_effect(rule, known, cluster, everywhere=everywhere):
                yield Violation(LH721, f"{role} {said}.", role, ("rules", index, field))
    yield from _unbound(environment, roles)
    callers = callers_of(environment)
    for pod in environment.pods:
        account = (pod.namespace, pod.account)
        if account in callers and not has_token(environment, pod):
            message = f"{pod.owner} mounts no token of its ServiceAccount {account[1]}, which has permissions."
            yield Violation(LH722, message, pod.owner, (*pod.spec_path, "automountServiceAccountToken"))
        asks = pod.spec.get("automountServiceAccountToken") is True
        if asks and not callers & {account, (pod.namespace, _ALL), (_ALL, _ALL)}:
            message = f"{pod.owner} mounts a token of ServiceAccount {account[1]}, to which nothing is bound."
            yield Violation(LH724, message, pod.owner, (*pod.spec_path, "automountServiceAccountToken"))


def callers_of(environment: Environment) -> set[Account]:
    """The accounts that have permissions; `*` for all of a namespace, or of all namespaces."""
    callers: set[Account] = set()
    for binding in environment.of_kind(*_BINDINGS):
        for subject in mappings(binding.value.get("subjects")):
            name = str(subject.get("name"))
            if subject.get("kind") == "ServiceAccount":
                callers.add((str(subject.get("namespace") or binding.namespace), name))
            elif name in (_ACCOUNTS, "system:authenticated"):
                callers.add((_ALL, _ALL))
            elif name.startswith(f"{_ACCOUNTS}:"):
                callers.add((name.rpartition(":")[2], _ALL))
    return callers


def has_token(environment: Environment, pod: Pod) -> bool:
    account = environment.get("ServiceAccount", pod.namespace, pod.account)
    for holder in (pod.spec, account.value if account else {}):
        if isinstance(holder.get("automountServiceAccountToken"), bool):
            if holder["automountServiceAccountToken"]:
                return True
            break
    else:
        return True
    return any(
        "serviceAccountToken" in source
        for volume in mappings(pod.spec.get("volumes"))
        for source in mappings(dig(volume, "projected", "sources"))
    )


def without_effect(
    rule: dict[str, Any], known: Resources, cluster: Cluster, *, everywhere: bool, does: str = "grants access to"
) -> Iterator[tuple[str, str]]:
    """What in a rule is about nothing: (field, the rest of a sentence, which starts with what the rule `does`)."""
    groups, named, verbs = (strings(rule.get(field)) for field in ("apiGroups", "resources", "verbs"))
    allowed = VERBS | SPECIAL_VERBS if named else URL_VERBS
    for verb in verbs:
        if verb not in allowed | {"*"}:
            yield "verbs", f"grants the verb {verb}, which does not exist{_instead(verb.lower(), allowed)}"
    there = {group for group, _ in known} | AGGREGATED | cluster.api_groups
    for group in groups:
        if group != "*" and group not in there:
            yield (
                "apiGroups",
                f"{does} the API group {group}, which does not exist{_instead(group.partition('/')[0], there)}",
            )
    judged = [group for group in groups if group in there and group not in AGGREGATED | cluster.api_groups]
    if len(judged) != len(groups):
        return
    for name in named:
        if "*" in name or name.startswith("userextras/"):
            continue
        having = [group for group in groups if (group, name) in known]
        if not having:
            of = " and ".join(group or "the core group" for group in groups)
            yield "resources", f"{does} {name}, which {of} does not have{_hint(name, groups, known)}"
        elif (
            not everywhere
            and "bind" not in verbs
            and name.partition("/")[0] != "namespaces"
            and not any(known[group, name] for group in having)
        ):
            yield "resources", f"{does} {name}, which belong to no namespace, in namespaces only"
        only = SUBRESOURCE_VERBS.get(name.partition("/")[2])
        if having and only and verbs and not only & {*verbs} and "*" not in verbs:
            yield "verbs", f"grants {', '.join(verbs)} on {name}, which knows only {', '.join(sorted(only))}"


def _hint(name: str, groups: list[str], known: Resources) -> str:
    """What may have been meant."""
    for candidate in (
        name.lower(),
        plural_of(name),
        *(f"{plural_of(name.partition('/')[0])}/{rest}" for rest in [name.partition("/")[2]] if rest),
    ):
        for group in (*groups, *dict.fromkeys(other for other, _ in known)):
            if (group, candidate) in known:
                return f": use {candidate}" + ("" if group in groups else f" of {group or 'the core group'}")
    return _instead(name, {resource for group, resource in known if group in groups})


def _instead(name: str, known: Any) -> str:
    close = closest(name, sorted(known), 0.75)
    return f": use {close}" if close else ""


def _bindings_of(environment: Environment, role: BuiltResource) -> list[BuiltResource]:
    return [
        binding
        for binding in environment.of_kind(*_BINDINGS)
        if dig(binding.value, "roleRef", "kind") == role.kind
        and dig(binding.value, "roleRef", "name") == role.name
        and (role.kind == "ClusterRole" or binding.namespace == role.namespace)
    ]


def _unbound(environment: Environment, roles: list[BuiltResource]) -> Iterator[Violation]:
    selectors = [
        selector
        for role in roles
        for selector in mappings(dig(role.value, "aggregationRule", "clusterRoleSelectors"))
    ]
    for role in roles:
        aggregated = any(label.startswith(_AGGREGATED) for label in role.labels) or any(
            matches(selector, role.labels) for selector in selectors
        )
        if not aggregated and not _bindings_of(environment, role):
            yield Violation(LH723, f"{role} is bound to nobody.", role, ("metadata", "name"))
    for binding in environment.of_kind(*_BINDINGS):
        if not mappings(binding.value.get("subjects")):
            name = mapping(binding.value.get("roleRef")).get("name")
            path: tuple[Step, ...] = ("roleRef",)
            yield Violation(LH723, f"{binding} binds {name} to nobody.", binding, path)
