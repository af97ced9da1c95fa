"""How the platform came up, while its cluster remembers."""

from datetime import UTC, datetime, timedelta
from typing import Final

from harness.clusters.deploy.wait import ARGOCD, ROOT_APPLICATION
from harness.clusters.deploy.waves import Step, history
from harness.clusters.kind.kubectl import Kubectl

_REMEMBERED: Final = timedelta(minutes=55)
"""Kubernetes keeps events, and this platform its Jobs, for an hour."""


def is_remembered(cluster: Kubectl) -> bool:
    """Whether the platform came up while Kubernetes still keeps the events."""
    made = [
        datetime.fromisoformat(item["metadata"]["creationTimestamp"])
        for item in cluster.get("applications.argoproj.io", ARGOCD)
        if item["metadata"]["name"] == ROOT_APPLICATION
    ]
    return bool(made) and datetime.now(UTC) - made[0] <= _REMEMBERED


def steps(cluster: Kubectl) -> list[Step]:
    events = cluster.get("events", ARGOCD, "--field-selector=involvedObject.kind=Application")
    return history(cluster.get("applications.argoproj.io", ARGOCD), events, root=ROOT_APPLICATION)
