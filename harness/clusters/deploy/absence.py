"""Images that can be had from image registries only, and what is done on a kind cluster where no registry answers.

Everything else can be built: see `harness images`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from harness.clusters.images.registry import answers
from harness.clusters.images.wanted import Wanted
from harness.clusters.kind.load import full_name
from harness.review.images import parts

MANIFESTS: Final = Path("harness/clusters/deploy/manifests")

REPLACED: Final[Mapping[str, Mapping[str, str]]] = {
    "docker.io/emberstack/kubernetes-reflector": {"management": f"{MANIFESTS}/stand-in-for-reflector"},
    "docker.io/grafana/grafana": {
        "cicd/applications": f"{MANIFESTS}/without-grafana",
        # With Grafana in other cases: what holds for the whole namespace.
        "monitoring/prometheus": "components/network-policies/monitoring/namespace",
    },
}
"""Components to switch on where an image cannot be had: by its repository and the part of the overlay."""

_KIND: Final = "kind://"


def absent(images: Iterable[Wanted], nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The repositories of `REPLACED` whose image an environment names and a kind cluster cannot have, sorted.

    Args:
        images: What the environment names.
        nodes: The cluster's nodes, as the API server has them.
    """
    nodes = list(nodes)
    if not all(str(node.get("spec", {}).get("providerID", "")).startswith(_KIND) for node in nodes):
        return []
    there = {
        full_name(name)
        for node in nodes
        for image in (node.get("status") or {}).get("images") or []
        for name in image.get("names") or []
    }
    missing = {
        parts(full_name(image.name))[0]: image.name for image in images if full_name(image.name) not in there
    }
    return sorted(repository for repository in REPLACED.keys() & missing if not answers(missing[repository]))
