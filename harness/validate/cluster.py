"""What a cluster brings by itself, told beside its overlay in `overlays/<env>/cluster.yaml`.

storageClasses: [standard]
priorityClasses: []
secrets:                      # made by a program in the cluster, with the reason
  - {namespace: cicd, name: argocd-redis, reason: "…"}
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.render.environments import OVERLAYS
from harness.render.positions import YamlError, load
from harness.validate.model import dig, mappings

FILE: Final = "cluster.yaml"
_PRIORITY_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})
_CLUSTER_ROLES: Final = frozenset({"admin", "cluster-admin", "edit", "view"})


@dataclass(frozen=True)
class Cluster:
    """What exists without any manifest of ours.

    Attributes:
        storage_classes: Names.
        priority_classes: Names.
        cluster_roles: Names of those that every cluster has.
        secrets: (namespace, name) of Secrets that programs make.
    """

    storage_classes: frozenset[str] = frozenset()
    priority_classes: frozenset[str] = _PRIORITY_CLASSES
    cluster_roles: frozenset[str] = _CLUSTER_ROLES
    secrets: frozenset[tuple[str, str]] = frozenset()

    def has_role(self, name: str) -> bool:
        """Whether every cluster has this ClusterRole."""
        return name in self.cluster_roles or name.startswith("system:")


def read(root: Path, environment: str) -> Cluster:
    """Reads an environment's file; one that has none brings nothing.

    Raises:
        HarnessError: The file is not as described above.
    """
    file = root / OVERLAYS / environment / FILE
    if not file.is_file():
        return Cluster()
    try:
        documents = load(file.read_text(encoding="utf-8"))
    except (YamlError, UnicodeDecodeError) as error:
        raise HarnessError(f"{file} is not valid YAML ({error}): correct it.") from error
    content: Any = documents[0] if documents else {}
    secrets = mappings(dig(content, "secrets"))
    if any(not secret.get("reason") for secret in secrets):
        raise HarnessError(f"{file} names a Secret without a reason: add 'reason' to it.")
    return Cluster(
        storage_classes=_names(content, "storageClasses"),
        priority_classes=_PRIORITY_CLASSES | _names(content, "priorityClasses"),
        secrets=frozenset((str(secret.get("namespace")), str(secret.get("name"))) for secret in secrets),
    )


def _names(content: Any, field: str) -> frozenset[str]:
    value = dig(content, field)
    return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()
