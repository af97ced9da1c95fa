"""How many replicas a workload has, and what scales it."""

from typing import Any, Final

from harness.manifests.values import dig

SCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject")

Target = tuple[str, str, str]
"""(kind, namespace, name) of a workload"""


def target_of(workload: dict[str, Any]) -> Target:
    metadata = workload.get("metadata")
    return str(workload.get("kind")), str(dig(metadata, "namespace") or ""), str(dig(metadata, "name") or "")


def scaled_by(scaler: dict[str, Any]) -> Target | None:
    """The workload that an autoscaler scales; None for what is none."""
    reference = dig(scaler, "spec", "scaleTargetRef")
    if scaler.get("kind") not in SCALERS or not isinstance(reference, dict):
        return None
    namespace = str(dig(scaler, "metadata", "namespace") or "")
    return str(reference.get("kind") or "Deployment"), namespace, str(reference.get("name") or "")


def whole(value: Any, default: int) -> int:
    """A number of the manifest; the default for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def replicas(workload: dict[str, Any], scaler: dict[str, Any] | None = None) -> tuple[int, int]:
    """The least and the greatest number of replicas that a workload runs with."""
    if scaler is None:
        count = whole(dig(workload, "spec", "replicas"), 1)
        return count, count
    spec = scaler.get("spec")
    if scaler.get("kind") == "ScaledObject":
        return whole(dig(spec, "minReplicaCount"), 0), whole(dig(spec, "maxReplicaCount"), 100)
    return whole(dig(spec, "minReplicas"), 1), whole(dig(spec, "maxReplicas"), 1)


def share(value: Any, total: int, *, up: bool = True) -> int | None:
    """A number, or the rounded percentage of a total, as in `maxSurge: 25%`; None for what is neither."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        part = int(value[:-1]) * total
        return -(-part // 100) if up else part // 100
    return value if isinstance(value, int) and not isinstance(value, bool) else None
