"""Rules on access: who can do more than before."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.manifests.traffic import DIRECTIONS, allowed, missing, restricts
from harness.manifests.values import canonical, dig, mappings, sequence, strings
from harness.review.fieldpath import path_text
from harness.review.risks.context import Change, Judgement, Specification
from harness.review.risks.rule import high, low, medium
from harness.review.risks.running import DF310

DF201: Final = medium("DF201", "A role grants more", "Every account that is bound to it can do more.")
DF202: Final = high("DF202", "A role grants wildcards, Secrets or escalation", "It is close to cluster-admin.")
DF203: Final = medium("DF203", "A role is bound to more accounts", "They gain its permissions.")
DF204: Final = high(
    "DF204", "cluster-admin is granted, or a role to everybody", "A stolen token controls the cluster."
)
DF205: Final = medium("DF205", "A workload uses another service account", "It gains that account's permissions.")
DF206: Final = medium(
    "DF206", "A service account's token is mounted", "Whoever breaks into the pod gains its permissions."
)
DF207: Final = high("DF207", "NetworkPolicy removed", "Without a policy, all traffic is allowed.")
DF208: Final = medium("DF208", "NetworkPolicy allows more traffic", "More traffic reaches or leaves the pods.")
DF209: Final = high("DF209", "Pod Security is relaxed", "The namespace admits pods that it rejected before.")
DF210: Final = high(
    "DF210",
    "A container gains access to its node",
    "Privileges, host namespaces and host paths allow it to escape.",
)
DF211: Final = medium("DF211", "A container is less isolated", "An attacker in it can do more.")
DF212: Final = medium(
    "DF212", "An AppProject allows more", "Applications can deploy more resources or from more repositories."
)
DF616: Final = high(
    "DF616", "An AppProject no longer permits an Application", "Argo CD refuses to sync the Application."
)
DF213: Final = medium(
    "DF213", "An admission check is removed or changed", "Requests that it rejected may be accepted."
)
DF214: Final = low("DF214", "Permissions are revoked", "Whatever relies on them fails.")
DF215: Final = medium("DF215", "NetworkPolicy allows less traffic", "Connections that worked fail.")

_ROLES: Final = ("Role", "ClusterRole")
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")
_DANGEROUS: Final = {
    "secrets": {"get", "list", "watch", "*"},
    "pods/exec": {"create", "get", "*"},
    "pods/attach": {"create", "get", "*"},
    "serviceaccounts/token": {"create", "*"},
    "nodes/proxy": {"get", "create", "*"},
}
_ESCALATING: Final = {"escalate", "bind", "impersonate"}
_EVERYBODY: Final = {
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
    "system:serviceaccounts",
}
_STRICTNESS: Final = {"privileged": 0, "baseline": 1, "restricted": 2}
_POD_SECURITY: Final = "pod-security.kubernetes.io/"
_RISKY_CAPABILITIES: Final = "NET_BIND_SERVICE"


_OPEN_LIST: Final = "namespaceResourceWhitelist"
_EVERYTHING: Final = "everything"


def check(change: Change) -> Iterator[Judgement]:
    if change.kind in _ROLES:
        yield from _role(change)
    elif change.kind in _BINDINGS:
        yield from _binding(change)
    elif change.kind == "NetworkPolicy":
        yield from _network_policy(change)
    elif change.kind == "Namespace":
        yield from _pod_security(change)
    elif change.kind == "AppProject":
        yield from _project(change)
    elif change.kind.endswith(("WebhookConfiguration", "AdmissionPolicy", "AdmissionPolicyBinding")):
        yield from _admission(change)
    if change.kind == "ServiceAccount" and change.after is not None:
        before, after = (dig(value, "automountServiceAccountToken") for value in (change.old, change.new))
        if change.before is not None and before is False and after is not False:
            path = "automountServiceAccountToken"
            yield DF206, f"Pods of {change.name} mount its token unless they opt out", path
    for pod in change.pods:
        yield from _pod(pod)


Permission = tuple[str, str, str, str]


def _permissions(value: dict[str, Any]) -> set[Permission]:
    """Every (API group, resource or URL, resource name, verb) that a role allows."""
    permissions = set()
    for rule in mappings(value.get("rules")):
        for verb in strings(rule.get("verbs")):
            for url in strings(rule.get("nonResourceURLs")):
                permissions.add(("", url, "", verb))
            for group in strings(rule.get("apiGroups")):
                for resource in strings(rule.get("resources")):
                    for name in strings(rule.get("resourceNames")) or [""]:
                        permissions.add((group, resource, name, verb))
    return permissions


def _covers(held: Permission, wanted: Permission) -> bool:
    (group, resource, name, verb), (group_, resource_, name_, verb_) = held, wanted
    return group in ("*", group_) and resource in ("*", resource_) and name in ("", name_) and verb in ("*", verb_)


def _role(change: Change) -> Iterator[Judgement]:
    before, after = _permissions(change.old), _permissions(change.new)
    if change.gone is not None and change.after is None:
        yield DF214, f"{change.name} is removed: accounts that are bound to it lose its permissions", ""
        return
    more = sorted(item for item in after if not any(_covers(held, item) for held in before))
    less = sorted(item for item in before if not any(_covers(held, item) for held in after))
    broad = [item for item in more if _dangerous(item)]
    if broad:
        yield DF202, f"{change.name} allows {_listed(broad)}", "rules"
    rest = [item for item in more if item not in broad]
    if rest:
        yield DF201, f"{change.name} allows {_listed(rest)}", "rules"
    if less and change.before is not None:
        yield DF214, f"{change.name} no longer allows {_listed(less)}", "rules"
    if change.differs("aggregationRule"):
        yield DF201, f"{change.name} aggregates other roles", "aggregationRule"


def _dangerous(item: Permission) -> bool:
    _, resource, name, verb = item
    if resource == "*" or verb == "*" or verb in _ESCALATING:
        return True
    return not name and verb in _DANGEROUS.get(resource, set())


def _listed(items: list[Permission]) -> str:
    what: dict[tuple[str, str, str], list[str]] = {}
    for group, resource, name, verb in items:
        what.setdefault((group, resource, name), []).append(verb)
    shown = []
    for (group, resource, name), verbs in what.items():
        place = f"{resource}.{group}" if group else resource
        shown.append(f"{', '.join(verbs)} on {place}{f' {name}' if name else ''}")
    more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
    return "; ".join(shown[:6]) + more


def _subject(subject: dict[str, Any]) -> str:
    place = f"{subject['namespace']}/" if subject.get("namespace") else ""
    return f"{subject.get('kind', '?')} {place}{subject.get('name', '?')}"


def _binding(change: Change) -> Iterator[Judgement]:
    role = dig(change.new, "roleRef", "name") or dig(change.old, "roleRef", "name")
    before = {_subject(item) for item in mappings(change.old.get("subjects"))}
    after = {_subject(item) for item in mappings(change.new.get("subjects"))}
    other_role = change.before is not None and canonical(change.old.get("roleRef")) != canonical(
        change.new.get("roleRef")
    )
    if change.before is not None and change.after is not None and other_role:
        yield DF310, f"{change.name} refers to another role, but the reference is immutable", "roleRef"
    given = sorted(after if other_role or change.come is not None else after - before)
    taken = sorted(before - after)
    if given:
        kind = dig(change.new, "roleRef", "kind") or "role"
        everybody = any(subject.rpartition(" ")[2] in _EVERYBODY for subject in given) or any(
            subject.endswith("/default") and subject.startswith("ServiceAccount") for subject in given
        )
        rule = DF204 if role == "cluster-admin" or everybody else DF203
        yield rule, f"{change.name} gives {kind} {role} to {', '.join(given)}", "subjects"
    if taken:
        yield DF214, f"{change.name} takes {role} from {', '.join(taken)}", "subjects"


def _network_policy(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        yield DF207, f"{change.gone.identity} is deleted: traffic that only it blocked is now allowed", ""
        return
    if change.before is None:
        types = set(strings(dig(change.new, "spec", "policyTypes")) or ["Ingress"])
        for direction in ("ingress", "egress"):
            for rule in mappings(dig(change.new, "spec", direction)):
                if direction.capitalize() in types and not rule:
                    yield DF208, f"{change.name} allows all {direction}", f"spec.{direction}"
        return
    if change.touches("spec", "podSelector"):
        said = f"{change.name} selects other pods: those no longer selected may be unprotected"
        yield DF208, said, "spec.podSelector"
    for direction in DIRECTIONS:
        before, after = allowed(change.old, direction), allowed(change.new, direction)
        if restricts(change.old, direction) and not restricts(change.new, direction):
            yield DF208, f"{change.name} no longer restricts {direction}", "spec.policyTypes"
        elif missing(after, before):
            yield DF208, f"{change.name} allows more {direction} traffic", f"spec.{direction}"
        if missing(before, after):
            what = "restricts" if not restricts(change.old, direction) else "allows less"
            noun = f"{direction} traffic" if what == "allows less" else direction
            yield DF215, f"{change.name} {what} {noun}: connections that worked may fail", f"spec.{direction}"


def _pod_security(change: Change) -> Iterator[Judgement]:
    if change.after is None or change.before is None:
        return
    for mode in ("enforce", "audit", "warn"):
        label = f"{_POD_SECURITY}{mode}"
        before, after = (dig(value, "metadata", "labels", label) for value in (change.old, change.new))
        weight = _STRICTNESS.get(str(after or "privileged"), 0)
        if _STRICTNESS.get(str(before or "privileged"), 0) > weight:
            path = path_text(("metadata", "labels", label))
            rule = DF209 if mode == "enforce" else DF211
            yield rule, f"{change.name}: Pod Security ({mode}) goes from {before} to {after or 'nothing'}", path


def _project(change: Change) -> Iterator[Judgement]:
    if change.after is None:
        return
    for name in (
        "sourceRepos",
        "destinations",
        "clusterResourceWhitelist",
        "namespaceResourceWhitelist",
        "sourceNamespaces",
        "roles",
    ):
        before, after = dig(change.old, "spec", name), dig(change.new, "spec", name)
        if more := _more(before, after, is_open=name == _OPEN_LIST and change.before is not None):
            shown = ", ".join(item if item == _EVERYTHING else canonical(item) for item in more[:4])
            yield DF212, f"{change.name} allows more {name}: {shown}", f"spec.{name}"
    for name in ("clusterResourceBlacklist", "namespaceResourceBlacklist"):
        before, after = dig(change.old, "spec", name), dig(change.new, "spec", name)
        kept = {canonical(item) for item in after} if isinstance(after, list) else set()
        if any(canonical(item) not in kept for item in mappings(before)):
            yield DF212, f"{change.name} no longer denies all of its {name}", f"spec.{name}"


def _more(before: Any, after: Any, *, is_open: bool) -> list[Any]:
    """What a list of patterns permits beyond an earlier one; an open list permits everything where it is absent."""
    if is_open and (before is None or after is None):
        return [_EVERYTHING] if before is not None else []
    old, new = sequence(before), sequence(after)
    refused = [item for item in old if _is_refusal(item) and item not in new]
    return refused + [
        item for item in new if not _is_refusal(item) and not any(_includes(pattern, item) for pattern in old)
    ]


def _is_refusal(item: Any) -> bool:
    return isinstance(item, str) and item.startswith("!")


def _includes(pattern: Any, item: Any) -> bool:
    if isinstance(pattern, str) and isinstance(item, str):
        return fnmatchcase(item, pattern)
    if isinstance(pattern, dict) and isinstance(item, dict):
        names = {*pattern, *item}
        texts = all(isinstance(value, str) for value in (*pattern.values(), *item.values()))
        return pattern == item or (
            texts and all(fnmatchcase(item.get(name, ""), pattern.get(name, "")) for name in names)
        )
    return bool(pattern == item)


def _admission(change: Change) -> Iterator[Judgement]:
    if change.gone is not None:
        yield DF213, f"{change.gone.identity} is deleted: requests that it rejected are accepted", ""
    elif change.before is not None:
        for item, path in change.below():
            if path[0] != "metadata":
                yield DF213, f"{change.name} changes {item.path}", item.path


def _pod(pod: Specification) -> Iterator[Judgement]:
    before, after = pod.before, pod.after
    account = [str(spec.get("serviceAccountName") or "default") for spec in (before, after)]
    if before and account[0] != account[1]:
        said = f"{pod.name} uses service account {account[1]} instead of {account[0]}"
        yield DF205, said, pod.path("serviceAccountName")
    mounts = [spec.get("automountServiceAccountToken") for spec in (before, after)]
    if before and mounts[0] is False and mounts[1] is not False:
        yield (
            DF206,
            f"Pods of {pod.name} mount their service account's token",
            pod.path("automountServiceAccountToken"),
        )
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if after.get(name) and not before.get(name):
            yield DF210, f"{pod.name} gets {name}", pod.path(name)
    paths = {str(dig(volume, "hostPath", "path")) for volume in mappings(before.get("volumes"))}
    for volume in mappings(after.get("volumes")):
        path = str(dig(volume, "hostPath", "path") or "")
        if path and path not in paths:
            yield DF210, f"{pod.name} mounts {path} from its node", pod.path("volumes")
    yield from _confinement(pod)
    for container in pod.containers():
        yield from _container(container)
        if container.before:
            yield from _confinement(container)


def _container(container: Specification) -> Iterator[Judgement]:
    who, before, after = container.name, container.before, container.after
    for field in ("privileged", "allowPrivilegeEscalation"):
        if dig(after, "securityContext", field) and not dig(before, "securityContext", field):
            yield DF210, f"{who} gets {field}", container.path("securityContext", field)
    escalates = [dig(spec, "securityContext", "allowPrivilegeEscalation") for spec in (before, after)]
    if escalates == [False, None]:
        path = container.path("securityContext", "allowPrivilegeEscalation")
        yield DF210, f"{who} may escalate its privileges", path
    path = container.path("securityContext", "capabilities")
    added = set(strings(dig(after, "securityContext", "capabilities", "add")))
    added -= set(strings(dig(before, "securityContext", "capabilities", "add")))
    for capability in sorted(added):
        rule = DF211 if capability == _RISKY_CAPABILITIES else DF210
        yield rule, f"{who} gets capability {capability}", path
    dropped = set(strings(dig(before, "securityContext", "capabilities", "drop")))
    for capability in sorted(dropped - set(strings(dig(after, "securityContext", "capabilities", "drop")))):
        yield DF211, f"{who} no longer drops capability {capability}", path
    ports = {port.get("hostPort") for port in mappings(before.get("ports"))}
    for port in mappings(after.get("ports")):
        if port.get("hostPort") and port["hostPort"] not in ports:
            yield DF210, f"{who} uses port {port['hostPort']} of its node", container.path("ports")


def _confinement(part: Specification) -> Iterator[Judgement]:
    """What the security context of a pod or container no longer forbids."""
    old, now = part.before.get("securityContext") or {}, part.after.get("securityContext") or {}
    if not isinstance(old, dict) or not isinstance(now, dict):
        return
    for field in ("runAsNonRoot", "readOnlyRootFilesystem"):
        if old.get(field) is True and now.get(field) is not True:
            yield DF211, f"{part.name} no longer has {field}", part.path("securityContext", field)
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        if now.get(field) == 0 and old.get(field) != 0 and part.before:
            yield DF211, f"{part.name} runs as root ({field} 0)", part.path("securityContext", field)
    profile, earlier = dig(now, "seccompProfile", "type"), dig(old, "seccompProfile", "type")
    if earlier in ("RuntimeDefault", "Localhost") and profile not in ("RuntimeDefault", "Localhost"):
        yield DF211, f"{part.name} no longer has a seccomp profile", part.path("securityContext", "seccompProfile")
