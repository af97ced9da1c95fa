"""What an Application, a generated Application and a Flux Kustomization have in common."""

from dataclasses import dataclass, field
from typing import Any

from harness.manifests.values import dig


@dataclass(frozen=True)
class ApplicationSource:
    """A folder that an Application deploys.

    Attributes:
        repository: URL of its repository; empty for this one.
        edits: What it changes in the kustomization; empty for nothing.
        directory: Options for a folder of plain manifests.
        not_built: Why it is not followed, as the end of a sentence; empty when it is.
    """

    path: str
    repository: str = ""
    edits: dict[str, Any] = field(default_factory=dict, hash=False)
    directory: dict[str, Any] = field(default_factory=dict, hash=False)
    not_built: str = ""


@dataclass(frozen=True)
class Deployer:
    """An Application, or what stands for one.

    Attributes:
        namespace: Where resources without a namespace go.
        definition: Its spec, as canonical text.
        cluster: What tells the destination from others; empty for the cluster itself.
        problem: What cannot be resolved in it, as the end of a sentence.
    """

    name: str
    wave: int | None
    namespace: str
    sources: tuple[ApplicationSource, ...]
    definition: str
    cluster: str = ""
    problem: str = ""


def name_of(resource: dict[str, Any]) -> str:
    return str(dig(resource, "metadata", "name") or dig(resource, "metadata", "generateName") or "unnamed")
