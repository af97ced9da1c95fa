"""The rendered environment as validation sees it: resources, an index, and the pods that they make."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.build import Build
from harness.manifests.kubernetes_yaml import Step, YamlError, load
from harness.manifests.values import dig, mapping, mappings, sequence, string_map

_TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_SPARK_GROUP: Final = "sparkoperator.k8s.io"
_CLUSTER_SCOPED: Final = frozenset(
    {
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "StorageClass",
        "PriorityClass",
        "PersistentVolume",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "IngressClass",
        "ClusterSecretStore",
        "ClusterExternalSecret",
    }
)


@dataclass(frozen=True, eq=False)
class Resource:
    """One rendered resource.

    Attributes:
        value: The resource.
        build: The unit that it comes from.
        inside: The field of the ConfigMap `parent` that holds it, for one that a program there submits later.
        parent: That ConfigMap.
    """

    value: dict[str, Any]
    build: Build
    text: str = ""
    inside: tuple[Step, ...] = ()
    parent: "Resource | None" = None

    @cached_property
    def kind(self) -> str:
        """Its kind."""
        return str(self.value.get("kind") or "")

    @cached_property
    def group(self) -> str:
        """Its API group; empty for the core group."""
        return str(self.value.get("apiVersion") or "").rpartition("/")[0]

    @cached_property
    def name(self) -> str:
        """Its name."""
        return str(dig(self.value, "metadata", "name") or "")

    @cached_property
    def namespace(self) -> str:
        """Its namespace; empty for what has none."""
        if self.kind in _CLUSTER_SCOPED:
            return ""
        return str(dig(self.value, "metadata", "namespace") or (self.parent.namespace if self.parent else ""))

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return string_map(dig(self.value, "metadata", "annotations"))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return string_map(dig(self.value, "metadata", "labels"))

    @cached_property
    def key(self) -> str:
        """A content key of the resource."""
        return content_key(self.text)

    def __str__(self) -> str:
        """Kind, namespace and name, as messages have it."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


@dataclass(frozen=True, eq=False)
class Pod:
    """A pod that a resource makes.

    Attributes:
        owner: The resource.
        path: Where the pod template is in it.
        metadata: The template's metadata.
        spec: The pod spec; for a SparkApplication, the part of it that is known.
        role: `driver` or `executor` for a SparkApplication.
    """

    owner: Resource
    path: tuple[Step, ...]
    metadata: dict[str, Any]
    spec: dict[str, Any]
    role: str = ""

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return self.owner.namespace

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return string_map(self.metadata.get("labels"))

    @property
    def account(self) -> str:
        """Its ServiceAccount."""
        return str(self.spec.get("serviceAccountName") or self.spec.get("serviceAccount") or "default")

    @property
    def at_sync(self) -> bool:
        """Whether its resource is healthy only once the pod is: not a CronJob, nor what is submitted later."""
        return self.owner.parent is None and self.owner.kind not in ("CronJob", "SparkApplication")

    def containers(self) -> Iterator[tuple[tuple[Step, ...], dict[str, Any], bool]]:
        """Each container as (path in the owner, container, whether it is an init container)."""
        for field_name in ("initContainers", "containers"):
            for index, container in enumerate(sequence(self.spec.get(field_name))):
                if isinstance(container, dict):
                    # A sidecar (an init container that restarts) does not end before the others start.
                    first = field_name == "initContainers" and container.get("restartPolicy") != "Always"
                    yield (
                        (*self.path, *self._spec_path, field_name, container.get("name") or index),
                        container,
                        first,
                    )

    @property
    def _spec_path(self) -> tuple[Step, ...]:
        return () if self.role else ("spec",)


def pods_of(resource: Resource) -> Iterator[Pod]:
    """The pods that a resource makes."""
    if resource.kind in _TEMPLATES:
        path = _TEMPLATES[resource.kind]
        template = dig(resource.value, *path)
        if isinstance(template, dict) and isinstance(template.get("spec"), dict):
            yield Pod(resource, (*resource.inside, *path), mapping(template.get("metadata")), template["spec"])
    elif resource.kind in ("SparkApplication", "ScheduledSparkApplication") and resource.group == _SPARK_GROUP:
        path = ("spec",) if resource.kind == "SparkApplication" else ("spec", "template")
        spec = dig(resource.value, *path)
        for role in ("driver", "executor"):
            if isinstance(spec, dict) and isinstance(spec.get(role), dict):
                yield _spark_pod(resource, path, spec, role)


def _spark_pod(resource: Resource, path: tuple[Step, ...], spec: dict[str, Any], role: str) -> Pod:
    """The pod that Spark makes of a driver or executor section: its template, with what the section adds.

    Memory and cores become requests and limits, as Spark's documentation of its Kubernetes properties has it.
    """
    section = spec[role]
    template = mapping(section.get("template"))
    pod = dict(mapping(template.get("spec")))
    name = f"spark-kubernetes-{role}"
    containers = mappings(pod.get("containers")) + mappings(section.get("sidecars"))
    main = next((container for container in containers if container.get("name") == name), {"name": name})
    env = mappings(main.get("env")) + mappings(section.get("env"))
    env += [{"name": key, "value": value} for key, value in string_map(section.get("envVars")).items()]
    env += [
        {"name": key, "valueFrom": {"secretKeyRef": reference}}
        for key, reference in mapping(section.get("envSecretKeyRefs")).items()
    ]
    memory = section.get("memory")
    cpu = section.get("coreRequest") or section.get("cores")
    added: dict[str, Any] = {
        "image": section.get("image") or spec.get("image") or "",
        "env": env,
        "envFrom": mappings(main.get("envFrom")) + mappings(section.get("envFrom")),
        "volumeMounts": mappings(main.get("volumeMounts")) + mappings(section.get("volumeMounts")),
    }
    if memory and cpu:
        added["resources"] = {
            "requests": {"cpu": str(cpu), "memory": _binary(memory)},
            "limits": {"cpu": str(section.get("coreLimit") or cpu), "memory": _binary(memory)},
        }
    if "securityContext" in section:
        added["securityContext"] = section["securityContext"]
    pod["containers"] = [main | added, *(container for container in containers if container is not main)]
    pod["volumes"] = mappings(pod.get("volumes")) + mappings(spec.get("volumes"))
    pod["serviceAccountName"] = section.get("serviceAccount") or pod.get("serviceAccountName") or "default"
    if "podSecurityContext" in section:
        pod["securityContext"] = section["podSecurityContext"]
    labels = (
        {"spark-role": role} | string_map(dig(template, "metadata", "labels")) | string_map(section.get("labels"))
    )
    return Pod(resource, (*resource.inside, *path, role), {"labels": labels}, pod, role)


def _binary(memory: Any) -> str:
    """Spark's `1g` as Kubernetes' `1Gi`."""
    text = str(memory)
    return f"{text[:-1]}{text[-1].upper()}i" if text[-1:] in ("k", "m", "g", "t") else text


@dataclass
class Environment:
    """All resources of an environment.

    Attributes:
        name: The environment.
        root: The checkout.
        builds: Its units.
        resources: Everything that was rendered.
        malformed: Content keys of resources that do not match their schema; what they make is not judged further.
        embedded: Manifests inside ConfigMaps, which a program submits later (pod templates, SparkApplications).
    """

    name: str
    root: Path
    builds: list[Build]
    resources: list[Resource] = field(default_factory=list)
    malformed: set[str] = field(default_factory=set)
    embedded: list[Resource] = field(default_factory=list)

    @cached_property
    def index(self) -> dict[tuple[str, str, str], Resource]:
        """Resources by (kind, namespace, name)."""
        return {(resource.kind, resource.namespace, resource.name): resource for resource in self.resources}

    @property
    def everything(self) -> list[Resource]:
        """What is synced, and what is submitted later."""
        return [*self.resources, *self.embedded]

    @property
    def sound(self) -> list[Resource]:
        """The resources that match their schemas, those submitted later included."""
        return [resource for resource in self.everything if resource.key not in self.malformed]

    @cached_property
    def pods(self) -> list[Pod]:
        """Every pod that is made, those submitted later included."""
        return [pod for resource in self.sound for pod in pods_of(resource)]

    @cached_property
    def namespaces(self) -> dict[str, Resource | None]:
        """The namespaces in use, with their Namespace resource where there is one."""
        names = {resource.namespace for resource in self.resources if resource.namespace}
        found: dict[str, Resource | None] = dict.fromkeys(sorted(names))
        found |= {resource.name: resource for resource in self.of_kind("Namespace")}
        return found

    def of_kind(self, *kinds: str) -> list[Resource]:
        """The resources of some kinds."""
        return [resource for resource in self.resources if resource.kind in kinds]

    def get(self, kind: str, namespace: str, name: str) -> Resource | None:
        """One resource."""
        return self.index.get((kind, namespace, name))

    def selected(self, namespace: str, selector: dict[str, Any] | None) -> list[Pod]:
        """The pods of a namespace that a label selector selects."""
        return [pod for pod in self.pods if pod.namespace == namespace and matches(selector, pod.labels)]


def environment(name: str, root: Path, builds: list[Build]) -> Environment:
    """Collects what the units of an environment rendered."""
    found = Environment(name, root, builds)
    for build in builds:
        for rendered in build.resources:
            resource = Resource(rendered.value, build, rendered.text)
            found.resources.append(resource)
            if resource.kind == "ConfigMap":
                found.embedded += _embedded(resource)
    return found


_MANIFEST: Final = re.compile(r"^kind:\s*(?:Pod|SparkApplication|ScheduledSparkApplication|Job)\s*$", re.MULTILINE)


def _embedded(parent: Resource) -> Iterator[Resource]:
    for key, text in string_map(parent.value.get("data")).items():
        if not key.endswith((".yaml", ".yml")) or not _MANIFEST.search(text):
            continue
        try:
            documents = load(text)
        except YamlError:
            continue  # A template with placeholders is no manifest yet.
        for value in documents:
            if isinstance(value, dict) and "apiVersion" in value:
                yield Resource(value, parent.build, json.dumps(value), ("data", key), parent)


def matches(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) selects labels; an empty one selects all."""
    selector = mapping(selector)
    if any(labels.get(key) != value for key, value in string_map(selector.get("matchLabels")).items()):
        return False
    for expression in mappings(selector.get("matchExpressions")):
        key, values = str(expression.get("key")), [str(value) for value in sequence(expression.get("values"))]
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds.get(str(expression.get("operator")), False):
            return False
    return True
