"""Images that cannot be built here, and what replaces them on a kind cluster where no registry answers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.clusters.docker.image import full_name
from harness.clusters.docker.registry import answers
from harness.manifests.images import reference

_MANIFESTS: Final = "harness/clusters/without_registry/manifests"

REPLACED: Final[Mapping[str, Mapping[str, str]]] = {
    "docker.io/emberstack/kubernetes-reflector": {"management": f"{_MANIFESTS}/stand-in-for-reflector"},
    "docker.io/grafana/grafana": {
        "cicd/applications": f"{_MANIFESTS}/without-grafana",
        # With Grafana in other cases: what holds for the whole namespace.
        "monitoring/prometheus": "base/monitoring/policies",
    },
}
"""Components to include where an image is unavailable: by its repository and the part of the overlay."""

_KIND: Final = "kind://"


def absent(images: Iterable[str], nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The repositories of `REPLACED` whose image the nodes of a kind cluster lack and no registry has, sorted."""
    nodes = list(nodes)
    if not all(str(node.get("spec", {}).get("providerID", "")).startswith(_KIND) for node in nodes):
        return []
    present = {
        full_name(name)
        for node in nodes
        for image in (node.get("status") or {}).get("images") or []
        for name in image.get("names") or []
    }
    missing = {reference(full_name(image))[0]: image for image in images if full_name(image) not in present}
    return sorted(repository for repository in REPLACED.keys() & missing if not answers(missing[repository]))
