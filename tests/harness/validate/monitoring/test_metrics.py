"""What queries read: metrics that programs are told not to expose."""

import json

import pytest

from harness.validate.monitoring import metrics
from tests.harness.validate.made import made


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ("pods,cronjobs", []),
        ("cronjobs", ["Pod app/p passes --resources without pods, whose kube_pod_info a query reads."]),
    ],
)
def test_a_resource_that_kube_state_metrics_does_not_list(resources: str, said: list[str]) -> None:
    image = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2"
    container = {"name": "a", "image": image, "args": [f"--resources={resources}"]}
    metadata = {"name": "p", "namespace": "app"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    board = json.dumps({"panels": [{"title": "A", "targets": [{"expr": "kube_pod_info or kube_cronjob_created"}]}]})
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "app"}}
    texts = "\n---\n".join(json.dumps(one) for one in (pod, config | {"data": {"b.json": board}}))
    assert [violation.message for violation in metrics.check(made(texts))] == said
