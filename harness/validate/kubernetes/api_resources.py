"""The resources that the API server has, as Roles name them: Kubernetes' own and those of CRDs."""

import importlib.metadata
import importlib.resources
import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from harness.machine.cache import content_key
from harness.manifests.cache import Cache
from harness.manifests.custom_resources import CRD_MODULES, definitions_of
from harness.manifests.resource import CLUSTER_SCOPED
from harness.manifests.values import dig, mapping, mappings
from harness.validate.kubernetes.schemas import KUBERNETES_VERSIONS

Resources = dict[tuple[str, str], bool]
"""Whether each (group, resource or resource/subresource) belongs to a namespace."""

VERBS: Final = frozenset({"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})
SPECIAL_VERBS: Final = frozenset({"bind", "escalate", "impersonate", "use", "approve", "sign", "attest"})
URL_VERBS: Final = frozenset({"get", "head", "options", "post", "put", "patch", "delete"})

_CHANGED: Final = frozenset({"get", "update", "patch"})
SUBRESOURCE_VERBS: Final[dict[str, frozenset[str]]] = {
    "status": _CHANGED,
    "scale": _CHANGED,
    "approval": _CHANGED,
    "ephemeralcontainers": _CHANGED,
    "resize": _CHANGED,
    "log": frozenset({"get"}),
    **dict.fromkeys(("exec", "attach", "portforward"), frozenset({"get", "create"})),
    **dict.fromkeys(("eviction", "binding", "token"), frozenset({"create"})),
}
"""The only verbs of some subresources."""

_SUBRESOURCES: Final = {
    ("", "pods"): "attach binding ephemeralcontainers eviction exec log portforward proxy resize",
    ("", "services"): "proxy",
    ("", "nodes"): "proxy metrics stats log spec checkpoint configz healthz pods",
    ("", "serviceaccounts"): "token",
    ("", "namespaces"): "finalize",
    ("", "replicationcontrollers"): "scale",
    ("apps", "deployments"): "scale",
    ("apps", "replicasets"): "scale",
    ("apps", "statefulsets"): "scale",
    ("certificates.k8s.io", "certificatesigningrequests"): "approval",
}
_VIRTUAL: Final = (
    ("", "users"),
    ("", "groups"),
    ("authentication.k8s.io", "uids"),
    ("authentication.k8s.io", "userextras"),
    ("certificates.k8s.io", "signers"),
)
"""What only authorization knows."""
AGGREGATED: Final = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})
"""Groups of API servers that clusters commonly add."""
_PACKAGE: Final = "kubernetes-validate"
_FORMAT: Final = "1"
"""Raised when what is cached changes its meaning."""


def resources(definitions: Iterable[dict[str, Any]], groups: set[str]) -> Resources:
    """Everything that Roles may name where these CRDs are, with those of operators that the cluster brings."""
    known = _kept(_built_in, importlib.metadata.version(_PACKAGE), KUBERNETES_VERSIONS[0])
    for group in sorted(CRD_MODULES.keys() & groups):
        known |= _kept(partial(_of_operator, group), *CRD_MODULES[group])
    return known | _defined(definitions)


def _kept(read: Callable[[], Resources], *inputs: str) -> Resources:
    """What takes long to read, from the cache."""
    cache, key = Cache("api-resources"), content_key(*inputs, _FORMAT)
    known: list[tuple[str, str, bool]] | None = cache.get(key)
    if known is None:
        known = [(group, name, namespaced) for (group, name), namespaced in read().items()]
        cache.put(key, known)
    return {(group, name): namespaced for group, name, namespaced in known}


def _of_operator(group: str) -> Resources:
    return _defined(definitions_of(group))


def _defined(definitions: Iterable[dict[str, Any]]) -> Resources:
    known: Resources = {}
    for definition in definitions:
        spec = definition.get("spec")
        group, plural = str(dig(spec, "group")), str(dig(spec, "names", "plural"))
        subresources = [
            name for version in mappings(dig(spec, "versions")) for name in mapping(version.get("subresources"))
        ]
        for name in ("", "/finalizers", *(f"/{name}" for name in subresources)):
            known[group, plural + name] = dig(spec, "scope") != "Cluster"
    return known


def plural_of(kind: str) -> str:
    """The resource of a kind, by the rule that Kubernetes' own kinds follow.

    >>> [plural_of(kind) for kind in ("NetworkPolicy", "Ingress", "Endpoints", "Pod")]
    ['networkpolicies', 'ingresses', 'endpoints', 'pods']
    """
    name = kind.lower()
    if name == "endpoints":
        return name
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _built_in() -> Resources:
    folder = importlib.resources.files(_PACKAGE.replace("-", "_")) / "kubernetes-json-schema"
    file = folder / f"v{KUBERNETES_VERSIONS[0]}-local-strict" / "_definitions.json"
    known: Resources = dict.fromkeys(_VIRTUAL, False)
    for definition in json.loads(file.read_text(encoding="utf-8"))["$defs"].values():
        for identity in mappings(definition.get("x-kubernetes-group-version-kind")):
            group, kind = str(identity.get("group")), str(identity.get("kind"))
            if not kind.endswith(("List", "Options", "Status")) and kind not in ("WatchEvent", "APIVersions"):
                resource, namespaced = plural_of(kind), kind not in CLUSTER_SCOPED
                for subresource in ("", "/status", "/finalizers"):
                    known[group, resource + subresource] = namespaced
    for (group, resource), names in _SUBRESOURCES.items():
        for name in names.split():
            known[group, f"{resource}/{name}"] = known[group, resource]
    return known
