"""The resources of an environment by name, as far as they have been built."""

from collections import defaultdict
from typing import Any, Final

from harness.manifests.applications.deployer import Reference
from harness.manifests.build import Build

REPOSITORY: Final = "GitRepository"
_KINDS: Final = (
    REPOSITORY,
    "OCIRepository",
    "HelmRepository",
    "HelmChart",
    "Bucket",
    "ConfigMap",
    "Secret",
    "Kustomization",
    "HelmRelease",
)


class KnownResources:
    """What Flux's resources refer to."""

    def __init__(self) -> None:
        self._unread: dict[str, list[Build]] = defaultdict(list)
        self._values: dict[tuple[str, str, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)

    def add(self, environment: str, build: Build) -> None:
        self._unread[environment].append(build)

    def find(self, reference: Reference, environment: str) -> dict[str, Any] | None:
        """A resource of an environment; one whose namespace is not written fits every namespace."""
        for build in self._unread.pop(environment, []):
            for item in build.of_kind(*_KINDS):
                self._values[environment, item.kind, item.name].append((item.namespace, item.value))
        there = self._values.get((environment, reference.kind, reference.name), [])
        fitting = [value for namespace, value in there if namespace == reference.namespace]
        loose = [value for namespace, value in there if not namespace or not reference.namespace]
        return next(iter([*fitting, *loose]), None)
