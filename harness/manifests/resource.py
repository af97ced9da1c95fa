"""Resources and their identity."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from harness.machine.cache import content_key
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, string_map

CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterExternalSecret",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterSecretStore",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
"""Kinds that belong to no namespace."""


@dataclass(frozen=True, order=True)
class Identity:
    """What names a resource.

    Attributes:
        namespace: Namespace; empty for what has none.
        name: Name, without the hash that kustomize appends to generated ones.
    """

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Kind, namespace and name.

        >>> str(Identity("apps/v1", "Deployment", "web", "shop"))
        'Deployment web/shop'
        """
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource, as kustomize wrote it.

    Attributes:
        origin: The file that it comes from, relative to the tree; empty when not known.
        hashed: Whether its name ends with the hash of its content, as a generator's does.
        inside: The field of the ConfigMap `parent` and the document in it, for one that a program submits later.
    """

    text: str
    as_json: bytes
    kind: str
    origin: str = ""
    inside: tuple[Step, ...] = ()
    parent: "Resource | None" = None
    hashed: bool = False

    @classmethod
    def of(cls, value: dict[str, Any], text: str = "", **more: Any) -> Self:
        """A resource from its value, for which `text` is JSON where nobody wrote it."""
        as_json = json.dumps(value)
        return cls(text or as_json, as_json.encode(), str(value.get("kind") or ""), **more)

    @cached_property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.as_json)
        return value

    @cached_property
    def group(self) -> str:
        """Empty for the core group."""
        return str(self.value.get("apiVersion") or "").rpartition("/")[0]

    @cached_property
    def name(self) -> str:
        return str(dig(self.value, "metadata", "name") or "")

    @cached_property
    def namespace(self) -> str:
        if self.kind in CLUSTER_SCOPED:
            return ""
        return str(dig(self.value, "metadata", "namespace") or (self.parent.namespace if self.parent else ""))

    @cached_property
    def annotations(self) -> dict[str, str]:
        return string_map(dig(self.value, "metadata", "annotations"))

    @cached_property
    def labels(self) -> dict[str, str]:
        return string_map(dig(self.value, "metadata", "labels"))

    @cached_property
    def key(self) -> str:
        return content_key(self.text)

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"
