"""Scratch volumes (`emptyDir`): what may be written to one, against the limits of those who write."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from harness.manifests.quantity import quantity
from harness.manifests.values import dig, mappings
from harness.validate.finding import Violation
from harness.validate.kubernetes.amounts import defaults_of
from harness.validate.kubernetes.demand import Amounts, container_amounts, pod_amounts
from harness.validate.model import Environment, Pod
from harness.validate.rule import ValidationRule

LH718: Final = ValidationRule(
    "LH718",
    "A scratch volume may be filled within the limits of its pod",
    "The kernel kills the container, or the kubelet evicts the pod, before the volume is full.",
)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds volumes whose `sizeLimit` is above the limit that stops whoever fills them."""
    for pod in environment.pods:
        for index, volume in enumerate(mappings(pod.spec.get("volumes"))):
            text = dig(volume, "emptyDir", "sizeLimit")
            size = quantity(text)
            if size is None:
                continue
            defaults = defaults_of(environment, pod.namespace)
            is_memory = dig(volume, "emptyDir", "medium") == "Memory"
            limit = _memory(pod, volume, defaults) if is_memory else _disk(pod, defaults)
            if limit is None or size <= limit[0]:
                continue
            role = f" {pod.role}" if pod.role else ""
            message = f"{pod.owner}{role}: volume {volume.get('name')} may hold {text}, above {limit[1]}."
            path = (*pod.spec_path, "volumes", index, "emptyDir", "sizeLimit")
            yield Violation(LH718, message, pod.owner, path)


def _memory(pod: Pod, volume: dict[str, Any], defaults: dict[str, Amounts]) -> tuple[Fraction, str] | None:
    """What the containers that mount a volume may have of memory; None where one may have any amount."""
    users = [
        container
        for _, container, _ in pod.containers()
        if any(mount.get("name") == volume.get("name") for mount in mappings(container.get("volumeMounts")))
    ]
    # Spark adds its overhead to what a container of its pods asks for.
    asked = [pod_amounts(pod, defaults)] if pod.role else [container_amounts(user, defaults) for user in users]
    limits = [amounts.get("limits.memory") for amounts in asked]
    known = [limit for limit in limits if limit is not None]
    if not users or len(known) < len(limits):
        return None
    names = ", ".join(str(user.get("name")) for user in users)
    return sum(known, Fraction()), f"the memory limit of {names}, which what is written there counts against"


def _disk(pod: Pod, defaults: dict[str, Amounts]) -> tuple[Fraction, str] | None:
    """What a pod may have of the node's disk; None where a container may have any amount."""
    every = [container_amounts(container, defaults) for _, container, _ in pod.containers()]
    total = pod_amounts(pod, defaults).get("limits.ephemeral-storage")
    if total is None or any("limits.ephemeral-storage" not in amounts for amounts in every):
        return None
    return total, "the ephemeral-storage limits of its containers together"
