"""What Argo CD may deploy: what an AppProject permits, and what its controller's account may write."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.manifests.applications.argocd import GROUP, sources_of
from harness.manifests.applications.policies import HOOK
from harness.manifests.applications.projects import (
    is_in_cluster,
    permits_destination,
    permits_kind,
    permits_source,
)
from harness.manifests.cluster import Cluster
from harness.manifests.resource import CLUSTER_SCOPED
from harness.manifests.values import dig, mapping, mappings, string_map, strings
from harness.validate.argocd.waves import Order
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import plural_of
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule

LH208: Final = ValidationRule(
    "LH208",
    "An Application's project exists and permits what it deploys",
    "Argo CD refuses to sync the Application.",
    is_about_absence=True,
    provided_by=frozenset({"AppProject"}),
)
LH209: Final = ValidationRule(
    "LH209",
    "Argo CD's controller may write what its Applications deploy",
    "The API server refuses the request, and the sync fails.",
    is_about_absence=True,
    provided_by=frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}),
)

Deployed = Mapping[BuiltResource, list[BuiltResource]]
"""What each Application syncs."""
Right = tuple[str, dict[str, Any]]
"""A rule of a role, and the namespace in which it is bound; an empty one is every namespace."""

_CONTROLLER: Final = "argocd-application-controller"
_FIELDS: Final = {"sourceRepos": "source", "destinations": "destination"}
"""The fields of an Application, by those of a project that permit them."""
_KINDS: Final = [f"{scope}Resource{kind}list" for scope in ("cluster", "namespace") for kind in ("White", "Black")]
"""The fields of a project that permit kinds, and a few of them by name."""
_ANYTHING: Final = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
_WRITE: Final = ("create", "patch")


def check(environment: Environment, cluster: Cluster) -> Iterator[Violation]:
    """Finds what Argo CD may not deploy."""
    order = Order(environment)
    deployed: dict[BuiltResource, list[BuiltResource]] = {
        application: [] for application in environment.of_kind("Application") if application.group == GROUP
    }
    for resource in environment.resources:
        owner = order.owner(resource)
        if owner in deployed and resource.annotations.get(HOOK) != "Skip":
            deployed[owner].append(resource)
    yield from _elsewhere(environment, deployed)
    yield from _projects(environment, deployed)
    yield from _rights(environment, cluster, deployed)


def _elsewhere(environment: Environment, deployed: Deployed) -> Iterator[Violation]:
    """Applications in namespaces that the controller does not watch."""
    controllers = [one for one in environment.of_kind("StatefulSet", "Deployment") if one.name == _CONTROLLER]
    watched = {controller.namespace for controller in controllers}
    for config in environment.of_kind("ConfigMap"):
        if config.name == "argocd-cmd-params-cm":
            named = string_map(config.value.get("data")).get("application.namespaces", "")
            watched |= {pattern.strip() for pattern in named.split(",") if pattern.strip()}
    if not controllers or any(pattern.startswith("/") for pattern in watched):
        return  # it is elsewhere, or a regular expression says what it watches
    for application in deployed:
        if not any(fnmatchcase(application.namespace, pattern) for pattern in watched):
            there = ", ".join(sorted(watched))
            message = f"{application} is in a namespace that Argo CD does not watch: it watches {there}."
            yield Violation(LH208, message, application, ("metadata", "namespace"))


def _projects(environment: Environment, deployed: Deployed) -> Iterator[Violation]:
    projects = {project.name: project for project in environment.of_kind("AppProject") if project.group == GROUP}
    by_project: dict[str, dict[BuiltResource, list[BuiltResource]]] = {}
    for application, resources in deployed.items():
        name = str(dig(application.value, "spec", "project") or "default")
        by_project.setdefault(name, {})[application] = resources
    for name, applications in by_project.items():
        if name in projects:
            yield from _refused(projects[name], applications)
        elif name != "default":
            # Argo CD itself makes that one.
            for application in applications:
                message = f"{application} is of AppProject {name}, which does not exist."
                yield Violation(LH208, message, application, ("spec", "project"))


def _refused(project: BuiltResource, deployed: Deployed) -> Iterator[Violation]:
    permitted = mapping(project.value.get("spec"))
    refused: dict[str, dict[BuiltResource, str]] = {field: {} for field in _FIELDS}
    kinds: dict[tuple[str, str], BuiltResource] = {}
    by_name = any("name" in item for field in _KINDS for item in mappings(permitted.get(field)))
    permits: dict[tuple[str, str, bool, str], bool] = {}
    for application, resources in deployed.items():
        spec = mapping(application.value.get("spec"))
        for _, source in sources_of(spec):
            if not permits_source(permitted, url := str(source.get("repoURL") or "")):
                refused["sourceRepos"][application] = f"the source {url or 'without a repoURL'}"
        own = str(dig(spec, "destination", "namespace") or "")
        for namespace in dict.fromkeys([own, *(item.namespace for item in resources if item.namespace)]):
            if not permits_destination(permitted, mapping(spec.get("destination")), namespace):
                refused["destinations"][application] = f"the destination {namespace or 'without a namespace'}"
        for resource in resources:
            key = (resource.group, resource.kind, bool(resource.namespace), resource.name if by_name else "")
            if key not in permits:
                permits[key] = permits_kind(permitted, resource)
            if not permits[key]:
                kinds.setdefault((resource.group, resource.kind), resource)
    for field, applications in refused.items():
        for application, what in list(applications.items())[:1]:
            # What several lack is the project's fault.
            several = len(applications) > 1
            others = f" and of {len(applications) - 1} more" if several else ""
            message = f"{project} does not permit {what} of {application}{others}: correct it, or its {field}."
            if several:
                yield Violation(LH208, message, project, ("spec", field))
            else:
                yield Violation(LH208, message, application, ("spec", _FIELDS[field]))
    for (group, kind), resource in kinds.items():
        scope = "cluster" if kind in CLUSTER_SCOPED else "namespace"
        message = (
            f"{project} does not permit {kind}{group and f' of {group}'}, such as {resource}: "
            f"add it to its {scope}ResourceWhitelist."
        )
        yield Violation(LH208, message, project, ("spec", f"{scope}ResourceWhitelist"))


def _rights(environment: Environment, cluster: Cluster, deployed: Deployed) -> Iterator[Violation]:
    """What the account of a controller that runs here may not write."""
    pod = next((pod for pod in environment.pods if pod.labels.get("app.kubernetes.io/name") == _CONTROLLER), None)
    if pod is None:
        return
    rights = list(_rights_of(environment, cluster, pod.namespace, pod.account))
    refused: dict[str, dict[str, list[BuiltResource]]] = {}
    kinds: dict[str, set[str]] = {}
    for application, resources in deployed.items():
        if not is_in_cluster(mapping(dig(application.value, "spec", "destination"))):
            continue
        for resource in resources:
            definition = environment.definitions.get((resource.group, resource.kind))
            names = dig(definition.value, "spec", "names") if definition else None
            plural = str(dig(names, "plural") or plural_of(resource.kind))
            kinds.setdefault(resource.namespace, set()).add(plural)
            if not all(_may(rights, verb, plural, resource) for verb in _WRITE):
                refused.setdefault(resource.namespace, {}).setdefault(plural, []).append(resource)
    account = f"Argo CD's account {pod.namespace}/{pod.account}"
    for namespace, by_plural in refused.items():
        where = f"in {namespace}" if namespace else "cluster-wide"
        if len(by_plural) > 1 and by_plural.keys() == kinds[namespace]:
            first = next(iter(by_plural.values()))[0]
            message = f"{account} may write nothing {where}, such as {first}: bind a role to it there."
            yield Violation(LH209, message, first, ("metadata", "namespace"))
            continue
        for plural, resources in by_plural.items():
            more = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
            message = (
                f"{account} may not {' and '.join(_WRITE)} {plural} {where}, such as {resources[0]}{more}: "
                "add them to its role."
            )
            yield Violation(LH209, message, resources[0], ("kind",))


def _rights_of(environment: Environment, cluster: Cluster, namespace: str, account: str) -> Iterator[Right]:
    for binding in environment.bindings_of(namespace, account):
        kind, name = (str(dig(binding.value, "roleRef", field)) for field in ("kind", "name"))
        role = environment.get(kind, binding.namespace if kind == "Role" else "", name)
        if role is None:
            if cluster.has_role(name):
                yield binding.namespace, _ANYTHING
        elif role.value.get("aggregationRule"):
            # Other roles of the cluster add to it.
            yield binding.namespace, _ANYTHING
        else:
            yield from ((binding.namespace, rule) for rule in mappings(role.value.get("rules")))


def _may(rights: list[Right], verb: str, plural: str, resource: BuiltResource) -> bool:
    def has(rule: dict[str, Any], field: str, value: str) -> bool:
        return bool({"*", value} & set(strings(rule.get(field))))

    return any(
        namespace in ("", resource.namespace)
        and has(rule, "apiGroups", resource.group)
        and has(rule, "resources", plural)
        and has(rule, "verbs", verb)
        and resource.name in (strings(rule.get("resourceNames")) or [resource.name])
        for namespace, rule in rights
    )
