"""How the lists of a manifest are compared: the key of their items, and whether their order matters.

From the Kubernetes API reference: the patch merge keys and list-map keys of the built-in types. Lists of other
types are keyed by a name where all items have one, and their order is taken to matter.
"""

from collections.abc import Callable
from typing import Any, Final

from harness.manifests.values import dig
from harness.review.fieldpath import FieldPath, Inside

BUILT_IN: Final = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "discovery.k8s.io",
        "extensions",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""The API groups whose lists are known here."""

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "webhooks": ("name",),
    "versions": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "resourceClaims": ("name",),
    "readinessGates": ("conditionType",),
    "schedulingGates": ("name",),
    "subjects": ("kind", "namespace", "name"),
    "paths": ("path", "pathType"),
    "limits": ("type",),
}
"""The keys of well-known lists of mappings."""

_ORDERED: Final = frozenset({"env", "initContainers", "webhooks"})
"""Keyed lists whose order may matter: variables refer to earlier ones, init containers run one by one."""

_SETS: Final = frozenset(
    {
        "verbs",
        "apiGroups",
        "resources",
        "resourceNames",
        "nonResourceURLs",
        "operations",
        "accessModes",
        "finalizers",
        "add",
        "drop",
        "policyTypes",
        "values",
        "namespaces",
        "loadBalancerSourceRanges",
        "externalIPs",
        "except",
        "hosts",
        "shortNames",
        "categories",
        "supplementalGroups",
        "ipFamilies",
        "required",
        "enum",
        "scopes",
    }
)
"""Lists of scalars that are sets."""

_OBJECT_SETS: Final = frozenset(
    {"from", "to", "ingress", "egress", "tolerations", "matchExpressions", "nodeSelectorTerms", "aggregationRule"}
)
"""Lists of mappings without a key that are sets."""

_ARGO_SETS: Final = frozenset(
    {
        "syncOptions",
        "sourceRepos",
        "sourceNamespaces",
        "destinations",
        "clusterResourceWhitelist",
        "clusterResourceBlacklist",
        "namespaceResourceWhitelist",
        "namespaceResourceBlacklist",
        "finalizers",
        "images",
        "ignoreDifferences",
    }
)
_NAMES: Final[tuple[tuple[str, ...], ...]] = (
    ("name",),
    ("metadata", "name"),
    ("id",),
    ("alert",),
    ("record",),
    ("job_name",),
    ("key",),
    ("host",),
    ("type",),
)
"""Where the items of an unknown list may have a name."""

_ALSO_KEYED: Final = ("ports", "volumeClaimTemplates", "rules", "tls")

KeyOf = Callable[[dict[str, Any]], str | None]


def ordered(path: FieldPath, group: str, keyed: bool) -> bool:
    """Whether the order of a list's items may matter; `keyed` says that a key identifies them."""
    name = _name(path)
    if any(isinstance(step, Inside) for step in path):
        return True
    if group == "argoproj.io" and name in _ARGO_SETS:
        return False
    if group not in BUILT_IN:
        return True
    if keyed:
        return name in _ORDERED or not (name in _KEYS or name in _OBJECT_SETS or name in _ALSO_KEYED)
    if (
        name in _OBJECT_SETS
        or name in _SETS
        or (group == "networking.k8s.io" and name in ("ports", "rules", "tls"))
    ):
        return False
    return not (group == "rbac.authorization.k8s.io" and name in ("rules", "clusterRoleSelectors"))


def key_of(path: FieldPath, before: list[Any], after: list[Any]) -> KeyOf | None:
    """The key that identifies the items of a list on both sides; None without one."""
    if not all(isinstance(item, dict) for item in (*before, *after)):
        return None
    for candidate in _candidates(_name(path)):
        if _unique(before, candidate) and _unique(after, candidate):
            return candidate
    return None


def _candidates(name: str) -> list[KeyOf]:
    if name == "ports":
        return [_fields("name"), _port("containerPort"), _port("port")]
    if name == "volumeClaimTemplates":
        return [lambda item: _text("name", dig(item, "metadata", "name"))]
    if name in _KEYS:
        return [_fields(*_KEYS[name])]
    return [_at(where) for where in _NAMES]


def _fields(*names: str) -> KeyOf:
    def key(item: dict[str, Any]) -> str | None:
        parts = [_text(name, item[name]) for name in names if name in item]
        return ",".join(part for part in parts if part) if parts and None not in parts else None

    return key


def _port(name: str) -> KeyOf:
    def key(item: dict[str, Any]) -> str | None:
        port = _text(name, item.get(name))
        protocol = item.get("protocol") or "TCP"
        return None if port is None else port if protocol == "TCP" else f"{port},protocol={protocol}"

    return key


def _at(where: tuple[str, ...]) -> KeyOf:
    return lambda item: _text(where[-1], dig(item, *where))


def _text(name: str, value: Any) -> str | None:
    return f"{name}={value}" if isinstance(value, str | int) and not isinstance(value, bool) else None


def _unique(items: list[Any], key: KeyOf) -> bool:
    keys = [key(item) for item in items]
    return None not in keys and len(set(keys)) == len(keys)


def _name(path: FieldPath) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")
