"""Marks the worker that holds both stores' volumes, and gives each worker a zone, before the platform comes up."""

import sys
from typing import Final

from harness.clusters.deploy.cluster import connect
from harness.clusters.kind.cluster import Cluster

VOLUMES: Final = "lakehouse-tests/volumes"
"""The label that tests/nodes/overlay/volumes asks for."""
ZONE: Final = "topology.kubernetes.io/zone"


def main(name: str) -> None:
    made = Cluster(name)
    cluster = connect(made.kubeconfig, made.context)
    volumes = made.hosts()[0]
    cluster.run("label", "node", volumes, f"{VOLUMES}=here", "--overwrite", doing=f"mark the node {volumes}")
    for worker in made.hosts():
        # As in a cloud: where a node has none, Kubernetes spreads no pods of components/replicas.
        cluster.run("label", "node", worker, f"{ZONE}={worker}", "--overwrite", doing=f"give {worker} a zone")


if __name__ == "__main__":
    main(sys.argv[1])
