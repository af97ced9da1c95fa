"""Budgets, autoscalers, ports and variables that contradict what stands beside them."""

import pytest

from harness.manifests.catalogue import Catalogue, Reflector
from harness.validate.kubernetes import workloads
from harness.validate.kubernetes.secrets import origins
from tests.harness.validate.made import made

POD = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: app}
spec:
  replicas: %s
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web
          ports: [{name: http, containerPort: 8080}]
"""
CONTAINER = POD % 1


def budget(limit: str) -> str:
    return f"""---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web, namespace: app}}
spec: {{selector: {{matchLabels: {{app: web}}}}, {limit}}}
"""


def scaler(name: str, kind: str = "Deployment") -> str:
    return f"""---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, namespace: app}}
spec: {{minReplicas: 2, maxReplicas: 4, scaleTargetRef: {{kind: {kind}, name: web}}}}
"""


def messages(text: str) -> list[str]:
    environment = made(text)
    known = origins(environment, Catalogue(Reflector("", "", ""), ()))
    return [violation.message for violation in workloads.check(environment, known)]


@pytest.mark.parametrize(
    ("replicas", "limit", "blocks"),
    [
        (2, "minAvailable: 1", False),
        (2, "minAvailable: 2", True),
        (2, "minAvailable: 3", True),
        (1, "minAvailable: 1", True),
        (3, "minAvailable: 70%", True),
        (3, "minAvailable: 60%", False),
        (3, "minAvailable: 100%", True),
        (3, "maxUnavailable: 0", True),
        (3, "maxUnavailable: 0%", True),
        (3, "maxUnavailable: 1%", False),
        (0, "minAvailable: 1", False),
    ],
)
def test_a_budget_that_allows_no_disruption(replicas: int, limit: str, blocks: bool) -> None:
    told = messages(POD % replicas + budget(limit))
    assert len(told) == blocks
    assert all("allows no disruption" in message for message in told)


def test_a_budget_counts_the_least_pods_of_an_autoscaler() -> None:
    text = (POD % 1).replace("  replicas: 1\n", "") + scaler("web")
    assert messages(text + budget("minAvailable: 1")) == []
    assert len(messages(text + budget("minAvailable: 2"))) == 1


def test_one_thing_sets_the_replicas() -> None:
    assert messages(CONTAINER + scaler("web")) == [
        "Deployment app/web has a number of replicas, which HorizontalPodAutoscaler app/web sets as well."
    ]
    text = CONTAINER.replace("  replicas: 1\n", "")
    assert messages(text + scaler("web") + scaler("other", "StatefulSet")) == []
    assert messages(text + scaler("web") + scaler("other")) == [
        "HorizontalPodAutoscaler app/other scales Deployment app/web, "
        "which HorizontalPodAutoscaler app/web scales as well."
    ]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("readinessProbe: {httpGet: {port: http}}", False),
        ("readinessProbe: {httpGet: {port: 9999}}", True),
        ("readinessProbe: {httpGet: {port: 8080}}", False),
        ("startupProbe: {httpGet: {port: htpp}}", True),
        ("livenessProbe: {tcpSocket: {port: web}}", True),
        ("lifecycle: {preStop: {httpGet: {port: admin}}}", True),
    ],
)
def test_a_port_of_a_probe_or_hook_is_declared(field: str, wrong: bool) -> None:
    assert len(messages(f"{CONTAINER}          {field}\n")) == wrong


ASKED = "resourceFieldRef: {%sresource: limits.memory}"


@pytest.mark.parametrize(
    ("asked", "missing"),
    [("", None), ("containerName: web, ", None), ("containerName: first, ", None), ("containerName: wbe, ", "wbe")],
)
def test_a_container_whose_resources_are_read_is_there(asked: str, missing: str | None) -> None:
    field = ASKED % asked
    first = f"      initContainers: [{{name: first, image: web, env: [{{name: A, valueFrom: {{{field}}}}}]}}]\n"
    volumes = "      volumes:\n"
    volumes += f"        - {{name: a, downwardAPI: {{items: [{{path: a, {field}}}]}}}}\n"
    volumes += (
        f"        - {{name: b, projected: {{sources: [{{downwardAPI: {{items: [{{path: b, {field}}}]}}}}]}}}}\n"
    )
    wanted = f"Deployment app/web reads the resources of the container {missing}, which it does not have."
    assert messages(CONTAINER + first + volumes) == [wanted] * (3 if missing else 0)


@pytest.mark.parametrize(("port", "wrong"), [("http", False), ("8081", False), ("https", True)])
def test_a_port_that_a_policy_names_is_declared(port: str, wrong: bool) -> None:
    for direction in ("ingress", "egress"):
        policy = f"""---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web, namespace: app}}
spec: {{podSelector: {{}}, {direction}: [{{ports: [{{port: {port}}}]}}]}}
"""
        assert len(messages(CONTAINER + policy)) == wrong


@pytest.mark.parametrize(
    ("other", "wrong"),
    [
        ("{containerPort: 8080}", True),
        ("{containerPort: 8080, protocol: UDP}", False),
        ("{containerPort: 8081}", False),
    ],
)
def test_two_containers_do_not_share_a_port(other: str, wrong: bool) -> None:
    text = f"{CONTAINER}        - {{name: side, image: web, ports: [{other}]}}\n"
    assert len(messages(text)) == wrong
    first = f"{CONTAINER}      initContainers: [{{name: first, image: web, ports: [{other}]}}]\n"
    assert messages(first) == []
    sidecar = first.replace("name: first", "name: first, restartPolicy: Always")
    assert len(messages(sidecar)) == wrong


SETTINGS = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: app}
data: {HOST: db}
---
apiVersion: v1
kind: Service
metadata: {name: my-db, namespace: app}
"""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("env: [{name: A, value: x}, {name: B, value: $(A)}]", ""),
        ("env: [{name: B, value: $(A)}, {name: A, value: x}]", "in B before it is defined"),
        ("env: [{name: A, value: 1 $(A)}]", "in A before it is defined"),
        ("env: [{name: B, value: $$(A)}, {name: A, value: x}]", ""),
        ("env: [{name: B, value: $(ABSENT)}]", "in B, which is not defined"),
        ("env: [{name: B, value: $(HOST)}]\n          envFrom: [{configMapRef: {name: settings}}]", ""),
        (
            "env: [{name: B, value: $(HOST)}]\n          envFrom: [{prefix: X_, configMapRef: {name: settings}}]",
            "HOST",
        ),
        (
            "env: [{name: B, value: $(X_HOST)}]\n          envFrom: [{prefix: X_, configMapRef: {name: settings}}]",
            "",
        ),
        ("env: [{name: B, value: $(ANY)}]\n          envFrom: [{secretRef: {name: unknown}}]", ""),
        ("env: [{name: B, value: $(MY_DB_SERVICE_HOST)}]", ""),
        ("args: [--host=$(POD_IP)]", "in args, which is not defined"),
        ("command: [sh, -c, echo $(date) $(hostname)]", ""),
        ("args: [--host=$(IP)]\n          env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]", ""),
    ],
)
def test_a_variable_is_defined_before_it_is_used(fields: str, said: str) -> None:
    told = messages(f"{CONTAINER}          {fields}\n{SETTINGS}")
    assert [said in message for message in told] == ([True] if said else [])


@pytest.mark.parametrize(("seconds", "late"), [("5", True), ("10", False), ("3600", False)])
def test_a_deadline_leaves_time_to_start(seconds: str, late: bool) -> None:
    job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a, namespace: app}\n"
    found = messages(f"{job}spec: {{schedule: '@daily', startingDeadlineSeconds: {seconds}}}\n")
    assert [message.partition(" may start")[0] for message in found] == ["CronJob app/a"] * late
