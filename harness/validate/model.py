"""The model of an environment: its resources, an index, and the pods that they create."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.manifests.applications.application import Application
from harness.manifests.applications.argocd import sources_of
from harness.manifests.build import HELM_VALUES, Build
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.patches import patches_of
from harness.manifests.pods import TEMPLATES, PodTemplate, embedded, matches, pods_of
from harness.manifests.problem import MISSING_FOLDER, Problem
from harness.manifests.resource import Resource
from harness.manifests.scaling import SCALERS, Target, scaled_by
from harness.manifests.values import dig, mapping, mappings


@dataclass(frozen=True, eq=False, kw_only=True)
class BuiltResource(Resource):
    build: Build
    parent: "BuiltResource | None" = None

    @cached_property
    def identity(self) -> tuple[str, str, str, str]:
        """What it has in common with the same resource of another environment."""
        return self.group, self.kind, self.namespace, HASH.sub("", self.name)

    @classmethod
    def of_build(cls, resource: Resource, build: Build, alike: dict[bytes, "BuiltResource"]) -> "BuiltResource":
        """The same resource, with the same value, which nobody changes: reading its JSON again takes time.

        `alike` are the resources so far by their JSON; environments share most of them.
        """
        made = cls(resource.text, resource.as_json, resource.kind, resource.origin, build=build)
        other = alike.setdefault(resource.as_json, made)
        if other is not made:
            vars(resource)["value"] = other.value
            vars(made)["key"] = other.key
        vars(made)["value"] = resource.value
        return made


Pod = PodTemplate[BuiltResource]


@dataclass
class Environment:
    """All resources of an environment.

    Attributes:
        malformed: What does not match its schema: fields by the resource's content key.
        embedded: Manifests inside ConfigMaps, which a program submits later (pod templates, SparkApplications).
        not_built: What its Applications deploy besides, as sentences.
    """

    name: str
    root: Path
    builds: list[Build]
    resources: list[BuiltResource] = field(default_factory=list)
    malformed: dict[str, list[tuple[Step, ...]]] = field(default_factory=dict)
    embedded: list[BuiltResource] = field(default_factory=list)
    not_built: list[str] = field(default_factory=list)

    @cached_property
    def missing(self) -> set[str]:
        """The folders that Applications deploy and that do not exist."""
        return {problem.location.file for problem in self._problems if problem.rule == MISSING_FOLDER}

    @cached_property
    def synced(self) -> dict[str, tuple["BuiltResource", tuple[Step, ...]]]:
        """The folders that Applications and Flux's Kustomizations name, and where."""
        named = {
            (resource, (*path, "path")): source.get("path")
            for resource in self.of_kind("Application")
            for path, source in sources_of(resource.value.get("spec"))
        }
        named |= {
            (resource, ("spec", "path")): dig(resource.value, "spec", "path")
            for resource in self.of_kind("Kustomization")
        }
        return {posixpath.normpath(path): where for where, path in named.items() if isinstance(path, str)}

    @property
    def is_broken(self) -> bool:
        """Whether something that exists cannot be built."""
        return any(problem.rule != MISSING_FOLDER for problem in self._problems)

    @property
    def _problems(self) -> list[Problem]:
        return [problem for build in self.builds for problem in build.problems]

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
        """The resources whose pods can be judged, including those submitted later."""
        return [
            resource
            for resource in self.everything
            if resource.key not in self.malformed or self.is_readable(resource)
        ]

    @property
    def unreadable(self) -> list[BuiltResource]:
        if not self.malformed:
            return []
        return [resource for resource in self.everything if not self.is_readable(resource)]

    def is_readable(self, resource: BuiltResource) -> bool:
        """Whether nothing that is malformed in a resource can change the meaning of the rest."""
        fields = self.malformed.get(resource.key, [])
        template = TEMPLATES.get(resource.kind, ())
        # The claims of a StatefulSet are volumes of its pods.
        if not template or resource.kind == "StatefulSet":
            return not fields
        return all(path[:1] == ("spec",) and not _overlap(path, template) for path in fields)

    @property
    def unclear(self) -> set[str]:
        """What is not known of the malformed resources, as rules name it."""
        labels = {"labels" for resource in self.unreadable if not self._has_labels(resource)}
        return labels | {resource.kind for resource in self.unreadable}

    def _has_labels(self, resource: BuiltResource) -> bool:
        template = TEMPLATES.get(resource.kind)
        if template is None:
            return resource.kind not in ("SparkApplication", "ScheduledSparkApplication")
        place = (*template, "metadata", "labels")
        fields = self.malformed[resource.key]
        return isinstance(dig(resource.value, *place), dict) and not any(_overlap(path, place) for path in fields)

    @cached_property
    def submitted(self) -> set[tuple[str, str]]:
        """The ConfigMaps and keys that hold manifests which a program submits later."""
        return {(resource.parent.key, str(resource.inside[1])) for resource in self.embedded if resource.parent}

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

    @cached_property
    def scalers(self) -> dict[Target, list[BuiltResource]]:
        """What scales each workload."""
        scalers: dict[Target, list[BuiltResource]] = {}
        for scaler in self.of_kind(*SCALERS):
            if target := scaled_by(scaler.value):
                scalers.setdefault(target, []).append(scaler)
        return scalers

    @cached_property
    def definitions(self) -> dict[tuple[str, str], BuiltResource]:
        """The CustomResourceDefinitions, by the group and kind that each defines."""
        return {
            (str(dig(crd.value, "spec", "group")), str(dig(crd.value, "spec", "names", "kind"))): crd
            for crd in self.of_kind("CustomResourceDefinition")
        }

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

    def bindings_of(self, namespace: str, account: str) -> list[BuiltResource]:
        """The RoleBindings and ClusterRoleBindings of a ServiceAccount."""
        subject = ("ServiceAccount", namespace, account)
        return [
            binding
            for binding in self.of_kind("RoleBinding", "ClusterRoleBinding")
            for item in mappings(binding.value.get("subjects"))
            if (item.get("kind"), item.get("namespace") or binding.namespace, item.get("name")) == subject
        ]

    def selected(self, namespace: str, selector: dict[str, Any] | None) -> list[Pod]:
        return [pod for pod in self._selectable if pod.namespace == namespace and matches(selector, pod.labels)]

    @cached_property
    def _selectable(self) -> list[Pod]:
        """Every pod whose labels can be read, whatever else is malformed."""
        return [pod for resource in self.everything for pod in pods_of(resource)]


def _overlap(left: tuple[Step, ...], right: tuple[Step, ...]) -> bool:
    return all(one == other for one, other in zip(left, right, strict=False))


def deciphered(resource: Resource) -> Resource:
    """A resource that SOPS has encrypted, without its field, and with values that can be read."""
    if b'"sops"' not in resource.as_json or not isinstance(resource.value.get("sops"), dict):
        return resource
    value = {key: item for key, item in resource.value.items() if key != "sops"}
    value |= {field: dict.fromkeys(mapping(value[field]), "") for field in ("data", "stringData") if field in value}
    return Resource.of(value, origin=resource.origin)


def _patches(build: Build) -> set[str]:
    tree = build.root.tree
    return {
        patch.file for one in build.root.kustomizations for patch in patches_of(tree, one) if patch.file != one.file
    }


def environment(
    name: str, root: Path, applications: Iterable[Application], alike: dict[bytes, BuiltResource] | None = None
) -> Environment:
    """The environment that Applications and roots make up; what several deploy is there once.

    `alike` are the resources of other environments by their JSON, to which this one's are added.
    """
    alike = {} if alike is None else alike
    applications = list(applications)
    notes = [note for application in applications for note in application.notes]
    collected = Environment(name, root, [], not_built=notes)
    for application in applications:
        for build in application.builds:
            if build in collected.builds:
                continue
            collected.builds.append(build)
            patches = _patches(build) if build.as_written else set()
            for item in build.resources:
                if item.origin in patches:
                    continue  # a part of a resource that is not at hand
                if (item.kind == HELM_VALUES and not item.group) or (
                    item.origin,
                    str(item),
                ) in application.repeated:
                    continue
                item = deciphered(item)
                resource = BuiltResource.of_build(item, build, alike)
                if not {"apiVersion", "kind"} <= resource.value.keys():
                    continue  # another program's file in a folder of manifests
                collected.resources.append(resource)
                collected.embedded += embedded(resource)
    return collected
