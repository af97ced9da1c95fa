"""The model of an environment: its resources, an index, and the pods that they create."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.manifests.build import Build
from harness.manifests.pods import PodTemplate, embedded, matches, pods_of
from harness.manifests.resource import Resource
from harness.manifests.values import dig, mappings


@dataclass(frozen=True, eq=False, kw_only=True)
class BuiltResource(Resource):
    build: Build
    parent: "BuiltResource | None" = None


Pod = PodTemplate[BuiltResource]


@dataclass
class Environment:
    """All resources of an environment.

    Attributes:
        malformed: Content keys of resources that do not match their schema; what they make is not judged further.
        embedded: Manifests inside ConfigMaps, which a program submits later (pod templates, SparkApplications).
    """

    name: str
    root: Path
    builds: list[Build]
    resources: list[BuiltResource] = field(default_factory=list)
    malformed: set[str] = field(default_factory=set)
    embedded: list[BuiltResource] = field(default_factory=list)

    @cached_property
    def index(self) -> dict[tuple[str, str, str], BuiltResource]:
        """Resources by (kind, namespace, name)."""
        return {(resource.kind, resource.namespace, resource.name): resource for resource in self.resources}

    @property
    def everything(self) -> list[BuiltResource]:
        """The resources that are synced, and those submitted later."""
        return [*self.resources, *self.embedded]

    @property
    def sound(self) -> list[BuiltResource]:
        """The resources that match their schemas, including those submitted later."""
        return [resource for resource in self.everything if resource.key not in self.malformed]

    @cached_property
    def pods(self) -> list[Pod]:
        """Every pod, including those submitted later."""
        return [pod for resource in self.sound for pod in pods_of(resource)]

    @cached_property
    def namespaces(self) -> dict[str, BuiltResource | None]:
        """The namespaces in use, with their Namespace resource where there is one."""
        names = {resource.namespace for resource in self.resources if resource.namespace}
        used: dict[str, BuiltResource | None] = dict.fromkeys(sorted(names))
        return used | {resource.name: resource for resource in self.of_kind("Namespace")}

    def of_kind(self, *kinds: str) -> list[BuiltResource]:
        return [resource for resource in self.resources if resource.kind in kinds]

    def webhooks(self) -> Iterator[tuple[BuiltResource, dict[str, Any], dict[str, Any]]]:
        """The admission webhooks that a Service answers: (configuration, webhook, reference to the Service)."""
        for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
            for configuration in self.of_kind(kind):
                for webhook in mappings(configuration.value.get("webhooks")):
                    reference = dig(webhook, "clientConfig", "service")
                    if isinstance(reference, dict):
                        yield configuration, webhook, reference

    def get(self, kind: str, namespace: str, name: str) -> BuiltResource | None:
        return self.index.get((kind, namespace, name))

    def selected(self, namespace: str, selector: dict[str, Any] | None) -> list[Pod]:
        return [pod for pod in self.pods if pod.namespace == namespace and matches(selector, pod.labels)]


def environment(name: str, root: Path, builds: list[Build]) -> Environment:
    collected = Environment(name, root, builds)
    for build in builds:
        for item in build.resources:
            resource = BuiltResource(item.text, item.as_json, item.kind, item.origin, build=build)
            collected.resources.append(resource)
            collected.embedded += embedded(resource)
    return collected
