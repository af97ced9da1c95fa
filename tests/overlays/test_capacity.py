"""What the pods of minikube request at once fits the machine that its guide asks for."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

pytestmark = pytest.mark.tools

Amounts = tuple[Fraction, Fraction]
"""Cores, and MiB."""

CLUSTER: Amounts = (Fraction(11, 10), Fraction(170 + 256))
"""What minikube's own pods request: control plane 650m and 100 MiB, CoreDNS 100m and 70 MiB, Calico 250m; and room
for the kubelet and the container runtime, which request nothing."""
DAGS = 3
"""Each may run one task at a time."""
_UNITS = {"m": Fraction(1), "Ki": Fraction(1, 1024), "Mi": Fraction(1), "Gi": Fraction(1024), "g": Fraction(1024)}


def cores(text: str) -> Fraction:
    return Fraction(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)


def mebibytes(text: str) -> Fraction:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()  # type: ignore[union-attr]
    return Fraction(number) * _UNITS[unit]


def pod(spec: dict[str, Any]) -> Amounts:
    """The containers of a pod together; a sidecar is an init container that stays."""
    lasting = [item for item in spec.get("initContainers", []) if item.get("restartPolicy") == "Always"]
    requests = [item["resources"]["requests"] for item in (*spec["containers"], *lasting)]
    return (
        sum((cores(str(item["cpu"])) for item in requests), Fraction()),
        sum((mebibytes(item["memory"]) for item in requests), Fraction()),
    )


def spark(role: dict[str, Any]) -> Amounts:
    return cores(role["coreRequest"]), mebibytes(role["memory"]) + mebibytes(role["memoryOverhead"])


def peak(overlay: Any) -> Iterator[tuple[str, int, Amounts]]:
    """What runs at the same time: services, one task of each DAG, one Spark job, and the nightly backup."""
    for kind in ("Deployment", "StatefulSet"):
        for item in overlay.all(kind):
            yield item["metadata"]["name"], item["spec"].get("replicas", 1), pod(item["spec"]["template"]["spec"])
    for item in overlay.all("CronJob"):
        yield item["metadata"]["name"], 1, pod(item["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    task = yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))
    yield "task", DAGS, pod(task["spec"])
    job = yaml.safe_load(overlay.text("spark-application", "spark-application.yaml"))["spec"]
    yield "driver", 1, spark(job["driver"])
    yield "executor", job["dynamicAllocation"]["maxExecutors"], spark(job["executor"])


def test_the_machine_of_the_guide_holds_what_is_requested_at_once(overlay_of: Callable[[str], Any]) -> None:
    asked = list(peak(overlay_of("minikube")))
    assert {"postgres", "minio", "airflow-scheduler", "jupyterlab", "postgres-backup"} <= {
        name for name, _, _ in asked
    }
    start = re.search(r"minikube start --cpus (\d+) --memory (\d+g)", (ROOT / "docs" / "minikube.md").read_text())
    assert start is not None
    used = [sum((count * amount[index] for _, count, amount in asked), CLUSTER[index]) for index in (0, 1)]
    assert used[0] <= Fraction(start[1])
    assert used[1] <= mebibytes(start[2])
    # No more than the guide says in words, either.
    words = re.search(r"pods request up to (\d+) GiB", (ROOT / "docs" / "minikube.md").read_text())
    assert words is not None
    assert used[1] - CLUSTER[1] <= int(words[1]) * 1024
