"""Deploys the EKS environment to a cluster outside AWS, to try the overlay: creates what an EKS cluster brings.

That is the storage class (another name for the cluster's default one) and the definitions of External Secrets. Its
operator is missing, so the Secrets are those of `harness secrets`; a load balancer has no address.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from harness.clusters.deploy.wait import until_established
from harness.clusters.kind.kubectl import Kubectl
from harness.errors import HarnessError
from harness.manifests import cluster as expectations
from harness.manifests.build import Build
from harness.manifests.custom_resources import definitions_of
from harness.manifests.problem import Problem

_GROUP: Final = "external-secrets.io"
_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"


def needs_aws(builds: Iterable[Build]) -> bool:
    return any(_is_external(item.value) for build in builds for item in build.resources)


def is_on_aws(nodes: Iterable[dict[str, Any]]) -> bool:
    return any(str(node.get("spec", {}).get("providerID", "")).startswith("aws://") for node in nodes)


def bring_what_aws_brings(cluster: Kubectl, root: Path, environment: str) -> None:
    """Creates the storage classes and definitions that an environment expects and the cluster lacks."""
    classes = cluster.get("storageclasses")
    expected = expectations.read(root, environment)
    if isinstance(expected, Problem):
        raise HarnessError(f"{expected.message.removesuffix('.')}: correct it.")
    missing = expected.storage_classes - {item["metadata"]["name"] for item in classes}
    documents = [_class_like(_default(classes, cluster.context), name) for name in sorted(missing)]
    documents += definitions_of(_GROUP)
    cluster.apply(yaml.safe_dump_all(documents, sort_keys=False), doing="create what an EKS cluster brings")
    until_established(cluster, [item["metadata"]["name"] for item in documents if item["kind"] != "StorageClass"])


def _is_external(resource: dict[str, Any]) -> bool:
    return str(resource.get("apiVersion", "")).startswith(f"{_GROUP}/")


def _default(classes: Iterable[dict[str, Any]], context: str) -> dict[str, Any]:
    for item in classes:
        if (item["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
            return item
    raise HarnessError(f"{context} has no default storage class, which the volumes need: create one.")


def _class_like(default: dict[str, Any], name: str) -> dict[str, Any]:
    kept = ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode", "allowVolumeExpansion")
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        **{key: default[key] for key in kept if key in default},
    }
