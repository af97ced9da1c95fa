"""What else is in an environment at head, for rules on a resource that depend on others."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

from harness.manifests.build import Build
from harness.manifests.values import dig, mapping, mappings

_WORKLOADS: Final = ("Deployment", "StatefulSet", "ReplicaSet", "Rollout")
_SCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject")

Target = tuple[str, str, str]
"""(kind, namespace, name) of a workload"""


class Neighbours:
    """The builds of an environment, of which each kind is read when it is asked for."""

    def __init__(self, builds: Iterable[Build] = ()) -> None:
        self._builds = list(builds)

    def schema(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The schema of a custom resource that the environment defines; empty if it does not."""
        group, _, version = str(resource.get("apiVersion") or "").rpartition("/")
        return self._schemas.get((group, str(resource.get("kind") or ""), version), {})

    @cached_property
    def _schemas(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        return {
            (str(dig(spec, "group")), str(dig(spec, "names", "kind")), str(version.get("name"))): mapping(
                dig(version, "schema", "openAPIV3Schema")
            )
            for build in self._builds
            for item in build.of_kind("CustomResourceDefinition")
            for spec in [mapping(item.value.get("spec"))]
            for version in mappings(spec.get("versions"))
        }

    @cached_property
    def scaled(self) -> frozenset[Target]:
        """The workloads that an autoscaler scales."""
        found = (scaled_by(item.value) for build in self._builds for item in build.of_kind(*_SCALERS))
        return frozenset(target for target in found if target)

    @cached_property
    def counted(self) -> frozenset[Target]:
        """The workloads whose manifests have a number of replicas."""
        return frozenset(
            target_of(item.value)
            for build in self._builds
            for item in build.of_kind(*_WORKLOADS)
            if dig(item.value, "spec", "replicas") is not None
        )


def target_of(workload: dict[str, Any]) -> Target:
    metadata = workload.get("metadata")
    return str(workload.get("kind")), str(dig(metadata, "namespace") or ""), str(dig(metadata, "name") or "")


def scaled_by(scaler: dict[str, Any]) -> Target | None:
    """The workload that an autoscaler scales; None for what is none."""
    reference = dig(scaler, "spec", "scaleTargetRef")
    if scaler.get("kind") not in _SCALERS or not isinstance(reference, dict):
        return None
    namespace = str(dig(scaler, "metadata", "namespace") or "")
    return str(reference.get("kind") or "Deployment"), namespace, str(reference.get("name") or "")
