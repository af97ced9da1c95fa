"""What an AppProject permits: Argo CD refuses to sync what its Application's project does not permit."""

from typing import Any, Final

from harness.manifests.applications.urls import normalised_url
from harness.manifests.globs import argocd_glob
from harness.manifests.resource import CLUSTER_SCOPED, Resource
from harness.manifests.values import mappings, strings

_IN_CLUSTER: Final = {"name": "in-cluster", "server": "https://kubernetes.default.svc"}


def permits_source(project: dict[str, Any], url: str) -> bool:
    patterns = strings(project.get("sourceRepos"))
    fits = [pattern for pattern in patterns if _fits(pattern, normalised_url(url), is_url=True)]
    denied = [pattern for pattern in patterns if pattern.startswith("!") and pattern not in fits]
    return bool(fits) and not denied


def is_in_cluster(destination: dict[str, Any]) -> bool:
    """Whether a destination is the cluster of Argo CD itself."""
    return any(destination.get(key) == value for key, value in _IN_CLUSTER.items())


def permits_destination(project: dict[str, Any], destination: dict[str, Any], namespace: str) -> bool:
    is_permitted = False
    where = {key: str(destination.get(key) or "") for key in ("name", "server")}
    if is_in_cluster(destination):
        where = _IN_CLUSTER
    for item in mappings(project.get("destinations")):
        patterns = {key: str(item.get(key) or "") for key in ("name", "server", "namespace")}
        fits = {key: bool(value) and _fits(patterns[key], value) for key, value in where.items()}
        fits["namespace"] = _fits(patterns["namespace"], namespace)
        denies = {key: pattern.startswith("!") and not fits[key] for key, pattern in patterns.items()}
        if (fits["name"] or fits["server"]) and fits["namespace"]:
            is_permitted = True
        elif denies["name"] or (denies["server"] and fits["namespace"]) or (denies["namespace"] and fits["server"]):
            return False
    return is_permitted


def permits_kind(project: dict[str, Any], resource: Resource) -> bool:
    """Whether a kind is permitted; of a kind that may or may not have a namespace, in either case."""
    is_custom = "." in resource.group.removesuffix(".k8s.io")
    scopes = ["namespace"] if resource.kind not in CLUSTER_SCOPED else ["cluster"]
    if is_custom and not resource.namespace:
        scopes = ["cluster", "namespace"]
    for scope in scopes:
        allowed, denied = project.get(f"{scope}ResourceWhitelist"), project.get(f"{scope}ResourceBlacklist")
        is_listed = _lists(allowed, resource) or (scope == "namespace" and allowed is None)
        if is_listed and not _lists(denied, resource):
            return True
    return False


def _lists(items: Any, resource: Resource) -> bool:
    return any(
        _fits(str(item.get("group") or ""), resource.group)
        and _fits(str(item.get("kind") or ""), resource.kind)
        and _fits(str(item.get("name") or "*"), resource.name)
        for item in mappings(items)
    )


def _fits(pattern: str, value: str, *, is_url: bool = False) -> bool:
    if pattern.startswith("!"):
        return not _fits(pattern[1:], value, is_url=is_url)
    if pattern == "*":
        return True
    return bool(argocd_glob(normalised_url(pattern) if is_url else pattern, is_url=is_url).fullmatch(value))
