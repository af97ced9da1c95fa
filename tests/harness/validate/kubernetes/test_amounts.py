"""Quotas, limit ranges and units, against what pods and claims ask for."""

import textwrap

import pytest

from harness.validate.kubernetes import amounts
from tests.harness.validate.made import made

RESOURCES = "{requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}"


def workload(kind: str, spec: str, resources: str = RESOURCES) -> str:
    return f"""---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: web, namespace: app}}
spec:
{textwrap.indent(textwrap.dedent(spec).strip(), "  ")}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - {{name: web, image: web, resources: {resources}}}
"""


def quota(hard: str, more: str = "") -> str:
    return f"""---
apiVersion: v1
kind: ResourceQuota
metadata: {{name: quota, namespace: app}}
spec: {{hard: {{{hard}}}{more}}}
"""


def limit_range(item: str) -> str:
    return f"""---
apiVersion: v1
kind: LimitRange
metadata: {{name: limits, namespace: app}}
spec: {{limits: [{item}]}}
"""


def messages(text: str, rule: str) -> list[str]:
    return [violation.message for violation in amounts.check(made(text)) if violation.rule.id == rule]


SCALER = """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: app}
spec: {minReplicas: 1, maxReplicas: 5, scaleTargetRef: {kind: Deployment, name: web}}
"""
SPARK = """---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: job, namespace: app}
spec:
  type: Python
  driver: {cores: 1, memory: 1g}
  executor: {cores: 1, instances: 2, memory: 1g, memoryOverhead: 512m}
  dynamicAllocation: {enabled: true, maxExecutors: 4}
"""
CLAIMS = """replicas: 3
volumeClaimTemplates:
  - metadata: {name: data}
    spec: {storageClassName: fast, resources: {requests: {storage: 2Gi}}}"""
TASKS = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: app}
data: {AIRFLOW__CORE__PARALLELISM: "8"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: template, namespace: app}
data:
  pod.yaml: |
    apiVersion: v1
    kind: Pod
    metadata: {name: task}
    spec: {containers: [{name: base, image: task, resources: {requests: {cpu: 100m}}}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: scheduler, namespace: app}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: scheduler
          image: s
          resources: {requests: {cpu: 100m}}
          envFrom: [{configMapRef: {name: settings}}]
      volumes: [{name: template, configMap: {name: template}}]
"""


@pytest.mark.parametrize(
    ("resources", "most"),
    [
        # A rollout adds a quarter, rounded up.
        (workload("Deployment", "replicas: 4"), {"pods": 5, "requests.cpu": "500m", "limits.memory": "640Mi"}),
        (workload("Deployment", "replicas: 4\nstrategy: {type: Recreate}"), {"pods": 4}),
        (workload("Deployment", "strategy: {rollingUpdate: {maxSurge: 3}}"), {"pods": 4, "cpu": "400m"}),
        (workload("Deployment", "paused: false") + SCALER, {"pods": 7}),
        (workload("StatefulSet", CLAIMS), {"persistentvolumeclaims": 3, "requests.storage": "6Gi"}),
        (workload("StatefulSet", CLAIMS), {"fast.storageclass.storage.k8s.io/requests.storage": "6Gi"}),
        (workload("StatefulSet", CLAIMS), {"count/statefulsets.apps": 1}),
        (workload("Job", "parallelism: 4\ncompletions: 3"), {"pods": 3}),
        # Python outside of the heap: two fifths of the driver's memory, and what the executors name.
        (SPARK, {"pods": 5, "requests.cpu": 5, "requests.memory": "7577Mi"}),
        (SPARK.replace("enabled: true", "enabled: false"), {"pods": 3}),
        (TASKS, {"pods": 18, "requests.cpu": "1800m"}),
    ],
)
def test_a_quota_holds_what_pods_ask_for_at_their_greatest(resources: str, most: dict[str, int | str]) -> None:
    for name, amount in most.items():
        enough = quota(f"{name}: {amount}")
        assert messages(resources + enough, "LH701") == []
        number = "".join(letter for letter in str(amount) if letter.isdigit())
        less = enough.replace(f" {amount}}}", f" {int(number) - 1}{str(amount).removeprefix(number)}}}")
        (message,) = messages(resources + less, "LH701")
        assert name in message


@pytest.mark.parametrize(
    ("scope", "counted"),
    [
        ("scopes: [BestEffort]", False),
        ("scopes: [NotBestEffort, NotTerminating]", True),
        ("scopes: [Terminating]", False),
        ("scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}", False),
        ("scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: DoesNotExist}]}", True),
    ],
)
def test_a_quota_with_a_scope_counts_only_its_pods(scope: str, counted: bool) -> None:
    text = workload("StatefulSet", "replicas: 2") + quota("pods: 1", f", {scope}")
    assert bool(messages(text, "LH701")) is counted


def test_a_quota_on_requests_needs_them_of_every_container_unless_a_limit_range_adds_them() -> None:
    text = workload("StatefulSet", "replicas: 1", "{}") + quota("requests.cpu: 1")
    (message,) = messages(text, "LH701")
    assert (
        message == "StatefulSet app/web sets no requests.cpu, which ResourceQuota app/quota requires of every pod."
    )
    assert messages(text + limit_range("{type: Container, default: {cpu: 500m}}"), "LH701") == []
    assert messages(text + limit_range("{type: Container, defaultRequest: {cpu: 2}}"), "LH701") != []


def test_init_containers_count_where_they_are_the_largest() -> None:
    text = (
        workload("StatefulSet", "replicas: 1").rstrip()
        + """
      initContainers:
        - {name: side, image: web, restartPolicy: Always, resources: {requests: {cpu: 50m}}}
        - {name: first, image: web, resources: {requests: {cpu: 300m}}}
"""
    )
    assert messages(text + quota("requests.cpu: 350m"), "LH701") == []
    assert messages(text + quota("requests.cpu: 349m"), "LH701") != []


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("{type: Container, max: {cpu: 200m}, min: {memory: 64Mi}}", ""),
        ("{type: Container, max: {cpu: 199m}}", "has a limit of 0.2 of cpu, and may have at most 0.199"),
        ("{type: Container, min: {memory: 1Gi}}", "requests 64Mi of memory, and must request at least 1Gi"),
        ("{type: Container, min: {ephemeral-storage: 1Gi}}", "requests no ephemeral-storage"),
        ("{type: Container, maxLimitRequestRatio: {cpu: 1500m}}", "has a limit of cpu 2 times its request"),
        ("{type: Pod, max: {memory: 100Mi}}", "has a limit of 128Mi of memory"),
        ("{type: PersistentVolumeClaim, max: {storage: 1Gi}}", "has a limit of 2Gi of storage"),
    ],
)
def test_a_limit_range_holds(item: str, said: str) -> None:
    told = messages(workload("StatefulSet", CLAIMS) + limit_range(item), "LH702")
    assert [said in message for message in told] == ([True] if said else [])


def test_a_default_limit_below_a_request_is_refused() -> None:
    text = workload("Deployment", "replicas: 1", "{requests: {memory: 1Gi}}")
    (message,) = messages(text + limit_range("{type: Container, default: {memory: 256Mi}}"), "LH702")
    assert "requests 1Gi of memory above its limit of 256Mi" in message


@pytest.mark.parametrize(
    ("amount", "wrong"),
    [("512m", True), ("128974848", False), ("0.5Gi", False), ("1500u", True), ("512", True), ("1e9", False)],
)
def test_memory_is_whole_bytes_and_no_handful_of_them(amount: str, wrong: bool) -> None:
    text = workload("Deployment", "replicas: 1", f"{{limits: {{memory: {amount}}}}}")
    assert bool(messages(text, "LH708")) is wrong


@pytest.mark.parametrize(
    "text",
    [
        quota("requests.memory: 512m"),
        limit_range("{type: Container, default: {memory: 128m}}"),
        workload("StatefulSet", CLAIMS.replace("2Gi", "2m")),
        workload("StatefulSet", "replicas: 1") + "      volumes: [{name: tmp, emptyDir: {sizeLimit: 64m}}]\n",
    ],
)
def test_thousandths_of_bytes_are_found_wherever_bytes_stand(text: str) -> None:
    assert len(messages(text, "LH708")) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        ("maxExecutors: 4", "maxExecutors: 4, minExecutors: 5", "has minExecutors 5 above maxExecutors 4."),
        ("maxExecutors: 4", "initialExecutors: 6, maxExecutors: 4", "has initialExecutors 6 above maxExecutors 4."),
        ("maxExecutors: 4", "minExecutors: 2, initialExecutors: 1, maxExecutors: 4", "above initialExecutors 1."),
        ("maxExecutors: 4", "minExecutors: 4, initialExecutors: 4, maxExecutors: 4", ""),
        ("driver: {cores: 1", "driver: {coreRequest: 1500m, coreLimit: '1'", "above coreLimit 1 of its driver."),
        ("driver: {cores: 1", "driver: {coreRequest: 250m, coreLimit: '2'", ""),
    ],
)
def test_the_amounts_of_a_spark_application_are_in_order(old: str, new: str, said: str) -> None:
    told = messages(SPARK.replace(old, new) if old else SPARK, "LH709")
    assert [said in message for message in told] == ([True] if said else [])
