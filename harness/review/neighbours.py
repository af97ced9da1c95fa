"""What else is in an environment at head, for rules on a resource that depend on others."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

from harness.manifests.build import Build
from harness.manifests.scaling import SCALERS, Target, scaled_by, target_of
from harness.manifests.values import dig, mapping, mappings

_WORKLOADS: Final = ("Deployment", "StatefulSet", "ReplicaSet", "Rollout")


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
        found = (scaled_by(item.value) for build in self._builds for item in build.of_kind(*SCALERS))
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
