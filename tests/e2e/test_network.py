"""Network policies live: from inside of pods, what can be reached and what cannot."""

import json
from typing import Final

import pytest

from harness.clusters.kind.kubectl import Kubectl

pytestmark = pytest.mark.e2e

PLACES: Final = {
    "postgres": "postgres.database.svc.cluster.local:5432",
    "minio": "minio.deepstorage.svc.cluster.local:9000",
    "airflow": "airflow-webserver.orchestrator.svc.cluster.local:8080",
    "prometheus": "prometheus.monitoring.svc.cluster.local:9090",
    "jupyterlab": "jupyterlab.jupyter.svc.cluster.local:8888",
    "argocd": "argocd-server.cicd.svc.cluster.local:443",
    "source's API": "mock-api.outside.svc.cluster.local:8000",
    "kubernetes": "kubernetes.default.svc.cluster.local:443",
}
REACHED: Final = {
    ("orchestrator", "deployment/airflow-scheduler"): {"postgres", "minio", "kubernetes"},
    ("orchestrator", "deployment/airflow-webserver"): {"postgres", "minio", "kubernetes"},
    ("jupyter", "deployment/jupyterlab"): {"minio"},
    ("monitoring", "deployment/spark-history"): {"minio"},
}
"""Where a connection starts -> the places that it gets to, of all those above."""
PROGRAM: Final = """
import concurrent.futures, json, socket, sys

def reached(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=4).close()
    except OSError:
        return False
    return True

places = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps(dict(zip(places, pool.map(reached, places.values())))))
"""


@pytest.mark.parametrize(("namespace", "target"), REACHED, ids=lambda value: value.rpartition("/")[2])
def test_a_pod_reaches_what_it_needs_and_nothing_else(cluster: Kubectl, namespace: str, target: str) -> None:
    said = cluster.execute(
        namespace, target, ["python3", "-c", PROGRAM, json.dumps(PLACES)], doing=f"look around from {target}"
    )
    answers = json.loads(said)
    assert {place for place, there in answers.items() if there} == REACHED[namespace, target]
