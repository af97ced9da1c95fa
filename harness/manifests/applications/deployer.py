"""What an Application, a generated Application and a Flux Kustomization have in common."""

from dataclasses import dataclass, field
from typing import Any

from harness.manifests.applications.policies import UNKNOWN, Policy
from harness.manifests.helm.application import HelmSource
from harness.manifests.helm.flux import FluxChart
from harness.manifests.values import dig


@dataclass(frozen=True)
class Reference:
    """A resource that a deployer needs."""

    kind: str
    namespace: str
    name: str
    is_optional: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class ApplicationSource:
    """A folder that an Application deploys.

    Attributes:
        repository: URL of its repository; empty for this one.
        edits: What it changes in the kustomization; empty for nothing.
        directory: Options for a folder of plain manifests.
        not_built: Why it is not followed, as the end of a sentence; empty when it is.
        is_flux: Whether a folder without a kustomization gets one, and files from anywhere are read, as Flux does.
        ignored: Lines as in a .sourceignore, which the definition of its repository has.
        after_build: What is changed in the built resources, as tools/builder takes it.
        helm: What it says of a chart; None where it can be of none.
    """

    path: str
    repository: str = ""
    edits: dict[str, Any] = field(default_factory=dict, hash=False)
    directory: dict[str, Any] = field(default_factory=dict, hash=False)
    not_built: str = ""
    is_flux: bool = False
    ignored: str = ""
    after_build: dict[str, Any] = field(default_factory=dict, hash=False)
    helm: HelmSource | FluxChart | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Deployer:
    """An Application, or what stands for one.

    Attributes:
        namespace: Where resources without a namespace go.
        definition: Its spec, as canonical text.
        cluster: What tells the destination from others; empty for the cluster itself.
        problem: What cannot be resolved in it, as the end of a sentence.
        home: The namespace of its definition.
        needs: What its sources are made of, beside files.
        waits_for: What has to be there before it is applied.
        remarks: What a reader should know of it, as sentences without their full stop.
        policy: What it deletes.
    """

    name: str
    wave: int | None
    namespace: str
    sources: tuple[ApplicationSource, ...]
    definition: str
    cluster: str = ""
    problem: str = ""
    home: str = ""
    needs: tuple[Reference, ...] = ()
    waits_for: tuple[Reference, ...] = ()
    remarks: tuple[str, ...] = ()
    policy: Policy = UNKNOWN


def name_of(resource: dict[str, Any]) -> str:
    return str(dig(resource, "metadata", "name") or dig(resource, "metadata", "generateName") or "unnamed")
