"""Scratch volumes against the limits of those who write to them."""

import pytest

from harness.validate.kubernetes import scratch_volumes
from tests.harness.validate.made import made


def pod(volume: str, *containers: str, more: str = "") -> str:
    listed = "\n".join(f"        - {container}" for container in containers)
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: app}}
spec:
  template:
    spec:
      volumes: [{{name: scratch, {volume}}}]
      containers:
{listed}
{more}
"""


def user(name: str, limits: str, mount: str = "scratch") -> str:
    mounts = f"[{{name: {mount}, mountPath: /scratch}}]"
    return f"{{name: {name}, image: web, resources: {{limits: {limits}}}, volumeMounts: {mounts}}}"


def messages(text: str) -> list[str]:
    return [violation.message for violation in scratch_volumes.check(made(text))]


MEMORY = "emptyDir: {medium: Memory, sizeLimit: 1Gi}"
DISK = "emptyDir: {sizeLimit: 1Gi}"


def test_a_volume_in_memory_above_the_limit_of_who_mounts_it_is_named() -> None:
    (message,) = messages(pod(MEMORY, user("web", "{memory: 512Mi}"), user("side", "{memory: 8Gi}", mount="other")))
    assert message.startswith("Deployment app/web: volume scratch may hold 1Gi, above the memory limit of web, ")


@pytest.mark.parametrize(
    ("volume", "containers", "is_found"),
    [
        (MEMORY, [user("web", "{memory: 1Gi}")], False),
        (MEMORY, [user("web", "{memory: 600Mi}"), user("side", "{memory: 600Mi}")], False),
        (MEMORY, [user("web", "{memory: 600Mi}"), user("side", "{cpu: 1}")], False),
        (MEMORY, [user("web", "{memory: 1Mi}", mount="other")], False),
        ("emptyDir: {medium: Memory}", [user("web", "{memory: 1Mi}")], False),
        ("emptyDir: {medium: Memory, sizeLimit: much}", [user("web", "{memory: 1Mi}")], False),
        (DISK, [user("web", "{memory: 1Mi}")], False),
        (DISK, [user("web", "{ephemeral-storage: 512Mi}")], True),
        (DISK, [user("web", "{ephemeral-storage: 512Mi}"), user("side", "{cpu: 1}")], False),
        # The kubelet compares with the limits of all containers, whoever mounts the volume.
        (DISK, [user("web", "{ephemeral-storage: 512Mi}"), user("side", "{ephemeral-storage: 1Gi}", "x")], False),
        ("configMap: {name: x}", [user("web", "{memory: 1Mi}")], False),
    ],
)
def test_only_a_volume_that_cannot_be_filled_is_found(volume: str, containers: list[str], is_found: bool) -> None:
    assert bool(messages(pod(volume, *containers))) is is_found


def test_the_defaults_of_the_namespace_are_limits_as_well() -> None:
    limits = """---
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: app}
spec: {limits: [{type: Container, default: {memory: 256Mi}}]}
"""
    assert messages(pod(MEMORY, user("web", "{cpu: 1}"), more=limits))
