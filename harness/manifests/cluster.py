"""What a cluster brings by itself, told beside its overlay in `overlays/<env>/cluster.yaml`.

storageClasses: [standard]
priorityClasses: []
apiGroups: []             # of operators and aggregated API servers
apiServerPort: 443        # of its address, not of the Service kubernetes
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.manifests.environments import overlay_folder
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import UnreadableError, working_copy
from harness.manifests.values import dig

FILE: Final = "cluster.yaml"
_PRIORITY_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})
_API_PORTS: Final = (443, 6443)
"""Where API servers commonly listen."""
_CLUSTER_ROLES: Final = frozenset({"admin", "cluster-admin", "edit", "view"})


@dataclass(frozen=True)
class Cluster:
    """What exists without any manifest of ours."""

    storage_classes: frozenset[str] = frozenset()
    priority_classes: frozenset[str] = _PRIORITY_CLASSES
    api_groups: frozenset[str] = frozenset()
    api_ports: tuple[int, ...] = _API_PORTS

    def has_role(self, name: str) -> bool:
        """Whether every cluster has this ClusterRole."""
        return name in _CLUSTER_ROLES or name.startswith("system:")


def read(root: Path, environment: str) -> Cluster | Problem:
    """Reads an environment's file, or says why it cannot be read; an environment that has none brings nothing."""
    file = root / overlay_folder(environment) / FILE
    if not os.path.lexists(file):
        return Cluster()
    tree, path = working_copy(root), file.relative_to(root).as_posix()
    try:
        documents = load(tree.text(tree.resolve(path)))
    except KeyError:
        return Problem("LH104", f"{path} is not a file.", Location(path, 1))
    except UnreadableError as error:
        return error.problem(Location(path, 1))
    except YamlError as error:
        return Problem("LH104", f"{path} is not valid YAML: {error}.", Location(path, error.line))
    content: Any = documents[0] if documents else {}
    port = dig(content, "apiServerPort")
    return Cluster(
        _names(content, "storageClasses"),
        _PRIORITY_CLASSES | _names(content, "priorityClasses"),
        _names(content, "apiGroups"),
        (port,) if isinstance(port, int) else _API_PORTS,
    )


def _names(content: Any, field: str) -> frozenset[str]:
    value = dig(content, field)
    return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()
