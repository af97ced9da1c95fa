"""References: what a resource names must exist and provide what it uses."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from harness.manifests.cluster import Cluster
from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.pods import TEMPLATES, matches
from harness.manifests.problem import MISSING_FOLDER
from harness.manifests.values import dig, mapping, mappings, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.hosts import ServiceNames, service_names, texts_of
from harness.validate.kubernetes.secrets import Origins
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

_rule: Final = partial(ValidationRule, is_about_absence=True)
LH301: Final = _rule("LH301", "A ConfigMap that is used exists", "The pod waits for it forever.")
LH302: Final = _rule(
    "LH302",
    "A key that is used exists in the ConfigMap or Secret",
    "The container does not start.",
    provided_by=frozenset({"ConfigMap", "Secret", "ExternalSecret"}),
)
LH303: Final = _rule(
    "LH303",
    "A Secret that is used is created by something",
    "The pod waits for it forever.",
    provided_by=frozenset({"ExternalSecret"}),
)
LH304: Final = _rule("LH304", "A ServiceAccount that is used exists", "No pod is created.")
LH305: Final = _rule("LH305", "A PersistentVolumeClaim that is used exists", "The pod stays pending.")
LH306: Final = _rule("LH306", "A Service that is referenced exists", "The name does not resolve.")
LH307: Final = _rule(
    "LH307",
    "A port that is used is open",
    "The connection is refused.",
    provided_by=frozenset({"Service", *TEMPLATES}),
)
LH308: Final = _rule("LH308", "A Role that is bound exists", "The binding silently grants nothing.")
LH309: Final = _rule(
    "LH309",
    "A selector matches something",
    "The rule or budget that it belongs to protects nothing.",
    provided_by=frozenset({"labels", "Namespace"}),
)
LH310: Final = _rule(
    "LH310", "An image is in its environment's list of images", "Other images cannot be overridden or preloaded."
)
LH312: Final = _rule(MISSING_FOLDER, "An Application's path exists", "Argo CD has nothing to sync.")
LH313: Final = _rule("LH313", "A StorageClass exists in its environment", "The claim stays pending.")
LH314: Final = _rule("LH314", "A PriorityClass that is used exists", "No pod is created.")
_SCHEDULING: Final = "SchedulingIgnoredDuringExecution"
_WORKLOAD_KINDS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})


def check(environment: Environment, origins: Origins, cluster: Cluster) -> Iterator[Violation]:
    """Finds unresolved references."""
    services = service_names(environment)
    for pod in environment.pods:
        yield from _pod(environment, pod, origins, cluster)
        yield from _hosts(environment, pod, services)
    yield from _pull_secrets(environment, origins)
    yield from _services(environment)
    yield from _ingresses(environment)
    yield from _bindings(environment, cluster)
    yield from _selectors(environment)
    yield from _storage(environment, cluster)
    yield from _applications(environment)
    yield from _images(environment)


def uses(pod: Pod) -> Iterator[tuple[str, str, str | None, bool, tuple[Step, ...]]]:
    """The ConfigMaps and Secrets that a pod uses: (kind, name, key or None, whether it is optional, path)."""
    for index, volume in enumerate(mappings(pod.spec.get("volumes"))):
        path = (*pod.spec_path, "volumes", str(volume.get("name") or index))
        sources = [volume, *mappings(dig(volume, "projected", "sources"))]
        for source in sources:
            for field, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
                part = source.get(field)
                if isinstance(part, dict):
                    named = str(part.get(name) or part.get("name") or "")
                    optional = bool(part.get("optional"))
                    yield kind, named, None, optional, path
                    for item in mappings(part.get("items")):
                        yield kind, named, str(item.get("key")), optional, path
    for path, container, _ in pod.containers():
        for variable in mappings(container.get("env")):
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                part = dig(variable, "valueFrom", field)
                if isinstance(part, dict):
                    place = (*path, "env", str(variable.get("name")))
                    yield kind, str(part.get("name")), str(part.get("key")), bool(part.get("optional")), place
        for index, source in enumerate(mappings(container.get("envFrom"))):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                part = source.get(field)
                if isinstance(part, dict):
                    yield kind, str(part.get("name")), None, bool(part.get("optional")), (*path, "envFrom", index)


def _pod(environment: Environment, pod: Pod, origins: Origins, cluster: Cluster) -> Iterator[Violation]:
    owner = pod.owner
    base = pod.spec_path
    for kind, name, key, optional, path in uses(pod):
        origin = origins.get((kind, pod.namespace, name))
        if origin is None:
            if not optional and (key is None or "env" in path):
                rule = LH303 if kind == "Secret" else LH301
                yield Violation(
                    rule, f"{owner} uses {kind} {pod.namespace}/{name}, which nothing creates.", owner, path
                )
        elif key is not None and origin.keys is not None and key not in origin.keys and not optional:
            there = ", ".join(sorted(origin.keys)) or "none"
            message = f"{owner} uses key {key} of {kind} {pod.namespace}/{name}, which has {there}."
            field = "secretKeyRef" if kind == "Secret" else "configMapKeyRef"
            below = ("valueFrom", field, "key") if "env" in path else ()
            yield Violation(LH302, message, owner, (*path, *below))
    if pod.account != "default" and environment.get("ServiceAccount", pod.namespace, pod.account) is None:
        message = f"{owner} uses ServiceAccount {pod.namespace}/{pod.account}, which does not exist."
        yield Violation(LH304, message, owner, (*base, "serviceAccountName"))
    for volume in mappings(pod.spec.get("volumes")):
        claim = dig(volume, "persistentVolumeClaim", "claimName")
        if claim and environment.get("PersistentVolumeClaim", pod.namespace, str(claim)) is None:
            message = f"{owner} mounts PersistentVolumeClaim {pod.namespace}/{claim}, which does not exist."
            yield Violation(LH305, message, owner, (*base, "volumes", str(volume.get("name"))))
    priority = pod.spec.get("priorityClassName")
    if (
        priority
        and priority not in cluster.priority_classes
        and environment.get("PriorityClass", "", priority) is None
    ):
        message = f"{owner} has PriorityClass {priority}, which does not exist."
        yield Violation(LH314, message, owner, (*base, "priorityClassName"))


def _pull_secrets(environment: Environment, origins: Origins) -> Iterator[Violation]:
    holders = [
        (pod.owner, pod.namespace, pod.spec.get("imagePullSecrets"), pod.spec_path) for pod in environment.pods
    ]
    holders += [
        (account, account.namespace, account.value.get("imagePullSecrets"), ())
        for account in environment.of_kind("ServiceAccount")
    ]
    for owner, namespace, named, path in holders:
        for item in mappings(named):
            name = str(item.get("name"))
            if ("Secret", namespace, name) not in origins:
                message = f"{owner} pulls images with Secret {namespace}/{name}, which nothing creates."
                yield Violation(LH303, message, owner, (*path, "imagePullSecrets", name))


def _hosts(environment: Environment, pod: Pod, services: ServiceNames) -> Iterator[Violation]:
    seen: set[tuple[str, str, int | None]] = set()
    for text in texts_of(environment, pod):
        for namespace, name, port in services.named(text.value, pod.namespace):
            if (namespace, name, port) in seen:
                continue
            seen.add((namespace, name, port))
            service = environment.get("Service", namespace, name)
            if service is None:
                if namespace in environment.namespaces:
                    resource, path, line = text.place(pod, name, port)
                    message = f"{resource} names {name}.{namespace}, a Service that does not exist."
                    yield Violation(LH306, message, resource, path, line)
            elif port is not None and port not in _ports(service):
                offered = ", ".join(map(str, sorted(_ports(service)))) or "none"
                resource, path, line = text.place(pod, name, port)
                message = f"{resource} uses port {port} of Service {namespace}/{name}, which offers {offered}."
                yield Violation(LH307, message, resource, path, line)


def _ports(service: BuiltResource) -> set[int]:
    return {
        port["port"] for port in mappings(dig(service.value, "spec", "ports")) if isinstance(port.get("port"), int)
    }


def _services(environment: Environment) -> Iterator[Violation]:
    for service in environment.of_kind("Service"):
        selector = dig(service.value, "spec", "selector")
        if not isinstance(selector, dict):
            continue
        pods = environment.selected(service.namespace, {"matchLabels": selector})
        declared = [port for pod in pods for port in pod.ports()]
        for index, port in enumerate(mappings(dig(service.value, "spec", "ports"))):
            target = port.get("targetPort", port.get("port"))
            field = "name" if isinstance(target, str) else "containerPort"
            if declared and not any(known.get(field) == target for known in declared):
                message = f"{service} forwards to port {target}, which none of its pods declares."
                yield Violation(LH307, message, service, ("spec", "ports", str(port.get("name") or index)))
    for configuration, webhook, service_reference in environment.webhooks():
        yield from _service_reference(environment, configuration, service_reference, str(webhook.get("name")))


def _ingresses(environment: Environment) -> Iterator[Violation]:
    """The backends of Ingresses; LH541 finds those of a Service that there is not."""
    for ingress in environment.of_kind("Ingress"):
        for path, backend in _backends(ingress):
            service = environment.get("Service", ingress.namespace, str(backend.get("name")))
            port = mapping(backend.get("port"))
            ports = mappings(dig(service.value, "spec", "ports")) if service else []
            fits = [known for known in ports if port.get("name", known.get("name")) == known.get("name")]
            if service and not any(port.get("number", known.get("port")) == known.get("port") for known in fits):
                wanted = port.get("name") or port.get("number")
                offered = ", ".join(str(known.get("name") or known.get("port")) for known in ports) or "none"
                message = f"{ingress} leads to port {wanted} of {service}, which offers {offered}."
                yield Violation(LH307, message, ingress, (*path, "port"))


def _backends(ingress: BuiltResource) -> Iterator[tuple[tuple[Step, ...], dict[str, Any]]]:
    default: tuple[Step, ...] = ("spec", "defaultBackend", "service")
    places = [default] if isinstance(dig(ingress.value, *default), dict) else []
    for index, rule in enumerate(mappings(dig(ingress.value, "spec", "rules"))):
        for number, _ in enumerate(mappings(dig(rule, "http", "paths"))):
            places.append(("spec", "rules", index, "http", "paths", number, "backend", "service"))
    for place in places:
        yield place, mapping(dig(ingress.value, *place))


def _service_reference(
    environment: Environment, resource: BuiltResource, reference: dict[str, Any], webhook: str
) -> Iterator[Violation]:
    namespace, name = str(reference.get("namespace")), str(reference.get("name"))
    service = environment.get("Service", namespace, name)
    if service is None:
        message = f"{resource} calls Service {namespace}/{name}, which does not exist."
        yield Violation(LH306, message, resource, ("webhooks", webhook))
    elif reference.get("port", 443) not in _ports(service):
        message = f"{resource} calls port {reference.get('port', 443)} of {service}, which does not offer it."
        yield Violation(LH307, message, resource, ("webhooks", webhook))


def _bindings(environment: Environment, cluster: Cluster) -> Iterator[Violation]:
    for binding in environment.of_kind("RoleBinding", "ClusterRoleBinding"):
        kind, name = str(dig(binding.value, "roleRef", "kind")), str(dig(binding.value, "roleRef", "name"))
        namespace = binding.namespace if kind == "Role" else ""
        aggregated = kind == "ClusterRole" and cluster.has_role(name)
        if environment.get(kind, namespace, name) is None and not aggregated:
            yield Violation(
                LH308, f"{binding} binds {kind} {name}, which does not exist.", binding, ("roleRef", "name")
            )
        for index, subject in enumerate(mappings(binding.value.get("subjects"))):
            _, of_namespace, whose = str(subject.get("name")).partition("system:serviceaccounts:")
            if subject.get("kind") == "Group" and of_namespace and whose not in environment.namespaces:
                message = f"{binding} is for every ServiceAccount in {whose}, a namespace that does not exist."
                yield Violation(LH304, message, binding, ("subjects", index))
            if subject.get("kind") != "ServiceAccount":
                continue
            place, account = str(subject.get("namespace") or binding.namespace), str(subject.get("name"))
            if account != "default" and environment.get("ServiceAccount", place, account) is None:
                message = f"{binding} is for ServiceAccount {place}/{account}, which does not exist."
                yield Violation(LH304, message, binding, ("subjects", account if account else index))


def _selectors(environment: Environment) -> Iterator[Violation]:
    for pod in environment.pods:
        for path, selector, namespaces in _of_placement(pod):
            if not any(environment.selected(namespace, selector) for namespace in namespaces):
                message = f"{pod.owner} is placed by a selector that matches no pod."
                yield Violation(LH309, message, pod.owner, path)
    for budget in environment.of_kind("PodDisruptionBudget"):
        if not environment.selected(budget.namespace, dig(budget.value, "spec", "selector")):
            yield Violation(LH309, f"{budget} selects no pods.", budget, ("spec", "selector"))
    for policy in environment.of_kind("NetworkPolicy"):
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(mappings(dig(policy.value, "spec", direction))):
                for number, peer in enumerate(mappings(rule.get(side))):
                    path = ("spec", direction, index, side, number)
                    yield from _peer(environment, policy, peer, path)


def _of_placement(pod: Pod) -> Iterator[tuple[tuple[Step, ...], Any, list[str]]]:
    """The selectors by which a pod is placed beside or apart from others, and the namespaces they are about."""
    for index, item in enumerate(mappings(pod.spec.get("topologySpreadConstraints"))):
        path = (*pod.spec_path, "topologySpreadConstraints", index, "labelSelector")
        # One without a selector counts no pod, and says so.
        if item.get("labelSelector"):
            yield path, item["labelSelector"], [pod.namespace]
    for side in ("podAffinity", "podAntiAffinity"):
        for when in (f"requiredDuring{_SCHEDULING}", f"preferredDuring{_SCHEDULING}"):
            for index, item in enumerate(mappings(dig(pod.spec, "affinity", side, when))):
                below: tuple[Step, ...] = ("podAffinityTerm",) if "podAffinityTerm" in item else ()
                term = mapping(dig(item, *below))
                path = (*pod.spec_path, "affinity", side, when, index, *below, "labelSelector")
                # What runs in other namespaces may be another's.
                if term.get("labelSelector") and "namespaceSelector" not in term:
                    yield path, term["labelSelector"], strings(term.get("namespaces")) or [pod.namespace]


def _peer(
    environment: Environment, policy: BuiltResource, peer: dict[str, Any], path: tuple[Step, ...]
) -> Iterator[Violation]:
    """A peer must select one of the built namespaces and a pod in it; the cluster's own are unknown."""
    if "ipBlock" in peer:
        return
    if "namespaceSelector" not in peer:
        namespaces = [policy.namespace]
    else:
        selector = peer["namespaceSelector"]
        own = {"kubernetes.io/metadata.name"}
        namespaces = [
            name
            for name, resource in environment.namespaces.items()
            if matches(selector, (resource.labels if resource else {}) | dict.fromkeys(own, name))
        ]
        named = str(dig(selector, "matchLabels", "kubernetes.io/metadata.name") or "")
        if not namespaces and named.startswith("kube-"):
            return
    pods = peer.get("podSelector")
    if not namespaces:
        yield Violation(LH309, f"{policy} allows a namespace that does not exist.", policy, path)
    elif pods and not any(environment.selected(namespace, pods) for namespace in namespaces):
        everywhere = len(namespaces) == len(environment.namespaces)
        if not everywhere:
            place = ", ".join(namespaces)
            yield Violation(LH309, f"{policy} allows pods in {place} that do not exist.", policy, path)


def _storage(environment: Environment, cluster: Cluster) -> Iterator[Violation]:
    known = cluster.storage_classes | {resource.name for resource in environment.of_kind("StorageClass")}
    for resource in environment.resources:
        claims: list[tuple[tuple[Step, ...], Any]] = []
        if resource.kind == "PersistentVolumeClaim":
            claims.append((("spec", "storageClassName"), dig(resource.value, "spec")))
        for index, claim in enumerate(mappings(dig(resource.value, "spec", "volumeClaimTemplates"))):
            claims.append((("spec", "volumeClaimTemplates", index, "spec", "storageClassName"), claim.get("spec")))
        for path, spec in claims:
            name = dig(spec, "storageClassName")
            if name not in known:
                has = ", ".join(sorted(known)) or "none"
                wants = f"StorageClass {name}" if name else "no StorageClass by name"
                yield Violation(
                    LH313, f"{resource} requests {wants}; {environment.name} has {has}.", resource, path
                )


def _applications(environment: Environment) -> Iterator[Violation]:
    for folder, (application, path) in environment.synced.items():
        if folder in environment.missing:
            message = f"{application} syncs {folder}, which does not exist here."
            yield Violation(LH312, message, application, path)


def _images(environment: Environment) -> Iterator[Violation]:
    for pod in environment.pods:
        listed = _listed_images(pod.owner)
        for path, container, _ in pod.containers():
            image = str(container.get("image") or "")
            repository, tag, digest = reference(image)
            if image and (repository, tag or digest) not in listed:
                message = f"{pod.owner} runs {image}, which is not in the environment's list of images."
                yield Violation(LH310, message, pod.owner, (*path, "image"))


def _listed_images(resource: BuiltResource) -> set[tuple[str, str]]:
    """(name, tag or digest) of each `images:` entry in the kustomizations of a resource's root."""
    return {
        (str(item.get("newName") or item.get("name")), str(item.get("newTag") or item.get("digest")))
        for kustomization in resource.build.root.kustomizations
        for item in mappings(kustomization.fields.get("images"))
    }
