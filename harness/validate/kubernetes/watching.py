"""What programs list and watch of the API: Prometheus for its discovery, kube-state-metrics for its figures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import Resources, resources
from harness.validate.kubernetes.hosts import texts_of
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import yaml_documents
from harness.validate.texts.scripts import argument_path, commands

LH725: Final = ValidationRule(
    "LH725",
    "The account of Prometheus and of kube-state-metrics may list and watch what they are told to",
    "They find nothing, and say so in their log only.",
    is_about_absence=True,
    provided_by=frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}),
)

_DISCOVERY: Final = "discovery.k8s.io"
_LISTED: Final = {
    "pod": [("", "pods")],
    "node": [("", "nodes")],
    "service": [("", "services")],
    "endpoints": [("", "endpoints"), ("", "services"), ("", "pods")],
    "endpointslice": [(_DISCOVERY, "endpointslices"), ("", "services"), ("", "pods")],
    "ingress": [("networking.k8s.io", "ingresses")],
}
"""What Prometheus lists for each role of its discovery (its package discovery/kubernetes)."""
_VERBS: Final = ("list", "watch")
_EVERYWHERE: Final = "*"

Wanted = tuple[str, str]
"""A group and a resource."""


@dataclass(frozen=True)
class Grant:
    """A rule of a Role, and the namespace in which the account has it; `*` for all of them."""

    namespace: str
    role: BuiltResource
    index: int
    rule: dict[str, Any]

    def allows(self, wanted: Wanted) -> bool:
        group, name = wanted
        return (
            not {group, _EVERYWHERE}.isdisjoint(strings(self.rule.get("apiGroups")))
            and not {name, _EVERYWHERE}.isdisjoint(strings(self.rule.get("resources")))
            and (_EVERYWHERE in (verbs := strings(self.rule.get("verbs"))) or set(_VERBS) <= set(verbs))
            and not self.rule.get("resourceNames")
        )


def check(environment: Environment) -> Iterator[Violation]:
    """Finds what a program may not list, each lack once for all namespaces."""
    for pod in environment.pods:
        wanted = dict(_wanted(environment, pod))
        grants = _grants(environment, pod) if wanted else None
        lacking: dict[tuple[str, BuiltResource, FieldPath, int | None], list[str]] = {}
        for (want, namespace), (resource, path, line) in wanted.items() if grants is not None else ():
            own = [grant for grant in grants or () if grant.namespace in (namespace, _EVERYWHERE)]
            if not any(grant.allows(want) for grant in own):
                near = _nearest(own, want[0])
                if near is not None:
                    resource, path, line = near.role, ("rules", near.index, "resources"), None
                lacking.setdefault((want[1], resource, path, line), []).append(namespace)
        for (name, resource, path, line), (first, *others) in lacking.items():
            more = f" and {len(others)} more" if others else ""
            where = "of the whole cluster" if first == _EVERYWHERE else f"in {first}{more}"
            said = f"has to list and watch {name} {where}, and its ServiceAccount {pod.account} may not"
            yield Violation(LH725, f"{pod.owner} {said}: grant it with a Role.", resource, path, line)


def _nearest(grants: list[Grant], group: str) -> Grant | None:
    """The rule that lists others of the same group, to which the missing one belongs."""
    listing = [grant for grant in grants if "list" in strings(grant.rule.get("verbs"))]
    return next((grant for grant in listing if group in strings(grant.rule.get("apiGroups"))), None)


def _wanted(
    environment: Environment, pod: Pod
) -> Iterator[tuple[tuple[Wanted, str], tuple[BuiltResource, FieldPath, int | None]]]:
    """What a pod has to list, in which namespace, and where that is said."""
    for text in texts_of(environment, pod):
        if text.config is None or "kubernetes_sd_configs" not in text.value:
            continue
        config, key = text.config
        line = _line(text.value, r"^\s*(?:- )?kubernetes_sd_configs:")
        for document in yaml_documents(text.value):
            for discovery in _discoveries(document):
                for want in _LISTED.get(str(discovery.get("role")).lower(), ()):
                    for namespace in _namespaces(environment, pod, discovery, want):
                        yield (want, namespace), (config, ("data", key), line)
    for place, container, _ in pod.containers():
        if "kube-state-metrics" in str(container.get("image")):
            yield from _of_exporter(environment, pod, place, container)


def _discoveries(document: Any) -> Iterator[dict[str, Any]]:
    jobs = mappings(dig(document, "scrape_configs")) + mappings(dig(document, "alerting", "alertmanagers"))
    for job in jobs:
        for discovery in mappings(job.get("kubernetes_sd_configs")):
            # Another cluster has Roles of its own.
            if not discovery.get("kubeconfig_file") and not discovery.get("api_server"):
                yield discovery


def _namespaces(environment: Environment, pod: Pod, discovery: dict[str, Any], want: Wanted) -> list[str]:
    names = strings(dig(discovery, "namespaces", "names"))
    names += [pod.namespace] if dig(discovery, "namespaces", "own_namespace") else []
    if want == ("", "nodes") or not names:
        return [_EVERYWHERE]
    return [name for name in names if name in environment.namespaces]


def _of_exporter(
    environment: Environment, pod: Pod, place: FieldPath, container: dict[str, Any]
) -> Iterator[tuple[tuple[Wanted, str], tuple[BuiltResource, FieldPath, int | None]]]:
    for _, words in commands(container):
        options = dict(word.lstrip("-").partition("=")[::2] for word in words if word.startswith("-"))
        index = next((index for index, word in enumerate(words) if word.lstrip("-").startswith("resources=")), None)
        if index is None:
            continue
        path = (*place, *argument_path(container, (), index))
        known = _built_in()
        names = [name for name in options.get("namespaces", "").split(",") if name]
        for name in options["resources"].split(","):
            groups = [group for group, resource in known if resource == name]
            if len(groups) == 1:
                want = (groups[0], name)
                spaces = [one for one in names if one in environment.namespaces] if names else [_EVERYWHERE]
                for namespace in spaces if known[want] else [_EVERYWHERE]:
                    yield (want, namespace), (pod.owner, path, None)


def _built_in() -> Resources:
    return resources((), set())


def _grants(environment: Environment, pod: Pod) -> list[Grant] | None:
    """What the account of a pod has; None where a part of it is not known."""
    grants: list[Grant] = []
    for binding in environment.of_kind("RoleBinding", "ClusterRoleBinding"):
        if not any(_is_for(subject, binding, pod) for subject in mappings(binding.value.get("subjects"))):
            continue
        kind, name = str(dig(binding.value, "roleRef", "kind")), str(dig(binding.value, "roleRef", "name"))
        role = environment.get(kind, binding.namespace if kind == "Role" else "", name)
        if role is None or role.value.get("aggregationRule"):
            return None
        namespace = binding.namespace if binding.kind == "RoleBinding" else _EVERYWHERE
        for index, rule in enumerate(mappings(role.value.get("rules"))):
            grants.append(Grant(namespace, role, index, rule))
    return grants


def _is_for(subject: dict[str, Any], binding: BuiltResource, pod: Pod) -> bool:
    if subject.get("kind") == "ServiceAccount":
        place = str(subject.get("namespace") or binding.namespace)
        return (place, subject.get("name")) == (pod.namespace, pod.account)
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{pod.namespace}", "system:authenticated")
    return subject.get("kind") == "Group" and subject.get("name") in groups


def _line(text: str, pattern: str) -> int | None:
    match = re.search(pattern, text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else None
