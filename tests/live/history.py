"""How the platform came up, while its cluster remembers."""

from collections.abc import Sequence
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


def violations(steps: Sequence[Step]) -> list[str]:
    """What came before an earlier wave was ready, one sentence each; within one second counts as together."""
    told = []
    for step in steps:
        for before in steps:
            if before.wave >= step.wave:
                continue
            if before.ready is None:
                told.append(f"{step.application} (wave {step.wave}) is there, {before.application} is not ready.")
            elif before.ready > step.created:
                late = (before.ready - step.created).total_seconds()
                told.append(
                    f"{step.application} (wave {step.wave}) came {late:.0f} s before {before.application} "
                    f"(wave {before.wave}) was ready."
                )
    return told
