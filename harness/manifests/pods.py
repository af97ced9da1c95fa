"""Pod templates wherever they occur: in workloads, in SparkApplications, and in manifests inside ConfigMaps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from harness.manifests.images import images_in
from harness.manifests.kubernetes_yaml import Step, YamlError, load, untagged
from harness.manifests.resource import Resource
from harness.manifests.values import dig, mapping, mappings, sequence, string_map

TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template"),
    ),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where Kubernetes' own workloads have their pod template."""
SPARK_GROUP: Final = "sparkoperator.k8s.io"
_SPARK: Final = ("SparkApplication", "ScheduledSparkApplication")
_SPARK_POD_FIELDS: Final = {
    "podSecurityContext": "securityContext",
    "hostNetwork": "hostNetwork",
    "initContainers": "initContainers",
}
"""Fields of a driver or executor section that are fields of its pod."""
_MANIFEST: Final = re.compile(rf"""\bkind["']?\s*:\s*["']?(?:{"|".join((*TEMPLATES, *_SPARK))})\b""")

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, eq=False)
class PodTemplate(Generic[R]):
    """The template of a pod that a resource creates.

    Attributes:
        spec: The pod spec; for a SparkApplication, the part of it that is known.
        role: `driver` or `executor` for a SparkApplication.
    """

    owner: R
    path: tuple[Step, ...]
    metadata: dict[str, Any]
    spec: dict[str, Any]
    role: str = ""

    @property
    def namespace(self) -> str:
        return self.owner.namespace

    @property
    def labels(self) -> dict[str, str]:
        return string_map(self.metadata.get("labels"))

    @property
    def account(self) -> str:
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
                    yield (*self.spec_path, field_name, container.get("name") or index), container, first

    def ports(self) -> Iterator[dict[str, Any]]:
        """The ports that its containers declare."""
        for _, container, _ in self.containers():
            yield from mappings(container.get("ports"))

    @property
    def spec_path(self) -> tuple[Step, ...]:
        return self.path if self.role else (*self.path, "spec")


def pods_of(resource: R) -> Iterator[PodTemplate[R]]:
    if resource.kind in TEMPLATES:
        path = TEMPLATES[resource.kind]
        template = dig(resource.value, *path)
        if isinstance(template, dict) and isinstance(template.get("spec"), dict):
            yield PodTemplate(
                resource, (*resource.inside, *path), mapping(template.get("metadata")), template["spec"]
            )
    elif resource.kind in _SPARK and resource.group == SPARK_GROUP:
        path = ("spec",) if resource.kind == "SparkApplication" else ("spec", "template")
        spec = dig(resource.value, *path)
        for role in ("driver", "executor"):
            if isinstance(spec, dict) and isinstance(spec.get(role), dict):
                yield _spark_pod(resource, path, spec, role)


def _spark_pod(resource: R, path: tuple[Step, ...], spec: dict[str, Any], role: str) -> PodTemplate[R]:
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
            "requests": {"cpu": str(cpu), "memory": binary(memory)},
            "limits": {"cpu": str(section.get("coreLimit") or cpu), "memory": binary(memory)},
        }
    if "securityContext" in section:
        added["securityContext"] = section["securityContext"]
    pod["containers"] = [main | added, *(container for container in containers if container is not main)]
    pod["volumes"] = mappings(pod.get("volumes")) + mappings(spec.get("volumes"))
    pod["serviceAccountName"] = section.get("serviceAccount") or pod.get("serviceAccountName") or "default"
    for name_here, name_there in _SPARK_POD_FIELDS.items():
        if name_here in section:
            pod[name_there] = section[name_here]
    labels = (
        {"spark-role": role} | string_map(dig(template, "metadata", "labels")) | string_map(section.get("labels"))
    )
    return PodTemplate(resource, (*resource.inside, *path, role), {"labels": labels}, pod, role)


def binary(memory: Any) -> str:
    """Spark's `1g` as Kubernetes' `1Gi`."""
    text = str(memory)
    return f"{text[:-1]}{text[-1].upper()}i" if text[-1:] in ("k", "m", "g", "t") else text


def embedded(parent: R) -> Iterator[R]:
    """The manifests inside a ConfigMap that a program submits later: pod templates, SparkApplications."""
    if parent.kind != "ConfigMap":
        return
    for key, text in string_map(parent.value.get("data")).items():
        if not key.endswith((".yaml", ".yml", ".json")) or not _MANIFEST.search(text):
            continue
        documents = _documents(text)
        if not any(dig(value, "kind") in (*TEMPLATES, *_SPARK) for value in documents):
            continue
        for index, value in enumerate(documents):
            if isinstance(value, dict) and "apiVersion" in value:
                own, inside = Resource.of(value), ("data", key, index)
                yield replace(
                    parent, text=own.text, as_json=own.as_json, kind=own.kind, inside=inside, parent=parent
                )


def _documents(text: str) -> list[Any]:
    for form in (text, untagged(text)):
        try:
            return load(form)
        except YamlError:
            continue
    return []  # A template with placeholders is no manifest yet.


def images_of(resource: Resource) -> Iterator[str]:
    """The images that a resource names, and those that manifests inside it name."""
    for owner in (resource, *embedded(resource)):
        yield from images_in(owner.value)


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
