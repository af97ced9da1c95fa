"""What is compared: the Applications of an environment, built."""

from dataclasses import dataclass, field
from typing import Any

from harness.machine.cache import content_key
from harness.manifests.applications import argocd
from harness.manifests.applications.policies import UNKNOWN, Policy
from harness.manifests.build import Build
from harness.manifests.problem import Problem
from harness.manifests.resource import Resource


@dataclass
class Application:
    """An Application of an environment, built; or a folder that none deploys.

    Attributes:
        name: Its name; the folder where no Application deploys it.
        path: Its first folder.
        argocd: Whether an Application deploys it.
        builds: What it deploys, one for each Application source.
        notes: What is not built, as sentences.
        causes: Of those notes that many Applications may have.
        extra: Its definition, where something of it is not built, or where an ApplicationSet makes it.
        remarks: What a reader should know, as sentences; they do not make it uncovered.
        parent: The folder that holds its definition.
        repeated: Files and names of resources that another Application, of a folder below, has as well.
        policy: What it deletes.
        definition: Its spec.
        part_of: The kustomization that lists it, or its own folder; empty for an Application.
    """

    name: str
    path: str
    argocd: bool
    wave: int | None = None
    namespace: str = ""
    cluster: str = ""
    builds: list[Build] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    extra: str = ""
    parent: str = ""
    repeated: set[tuple[str, str]] = field(default_factory=set)
    policy: Policy = UNKNOWN
    definition: dict[str, Any] = field(default_factory=dict)
    part_of: str = ""

    @property
    def key(self) -> str:
        repeated = [" ".join(item) for item in sorted(self.repeated)]
        keys = [build.key for build in self.builds]
        return content_key(self.namespace, self.cluster, self.extra, *repeated, *keys)

    @property
    def generated(self) -> Resource | None:
        """Its definition, where an ApplicationSet makes it, so that it is in no build."""
        if not self.policy.generator:
            return None
        kind = {"apiVersion": f"{argocd.GROUP}/v1alpha1", "kind": "Application"}
        return Resource.of({**kind, "metadata": {"name": self.name}, "spec": self.definition})

    @property
    def problems(self) -> list[Problem]:
        """Why it was not built completely."""
        return [problem for build in self.builds for problem in build.problems]

    def resources(self) -> list[Resource]:
        built = [item for build in self.builds for item in build.resources]
        return [item for item in built if (item.origin, str(item)) not in self.repeated] if self.repeated else built
