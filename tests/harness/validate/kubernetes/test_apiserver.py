"""What the API server refuses is found with its field, and what it accepts is not."""

import copy
import json
from typing import Any, Final, cast

import pytest

from harness.manifests.kubernetes_yaml import load
from harness.manifests.pods import embedded
from harness.validate.finding import Violation
from harness.validate.kubernetes import apiserver
from harness.validate.kubernetes.schemas import LH201
from harness.validate.model import BuiltResource

pytestmark = pytest.mark.tools

SOUND: Final[dict[str, Any]] = {
    value["kind"]: value
    for value in load("""
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: app}
data: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: app}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Namespace
metadata: {name: app, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: app}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: app}
spec: {hard: {pods: "4"}}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: app, annotations: {kubernetes.io/service-account.name: web}}
type: kubernetes.io/service-account-token
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: app}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: example/web
          ports: [{name: http, containerPort: 80}]
          resources: {requests: {cpu: 1}, limits: {cpu: 1}}
          volumeMounts: [{name: data, mountPath: /data}]
          readinessProbe: {httpGet: {path: /, port: http}}
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: database, namespace: app}
spec:
  serviceName: headless
  selector: {matchLabels: {app: database}}
  template:
    metadata: {labels: {app: database}}
    spec: {containers: [{name: database, image: example/database}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: app}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: example/agent}]}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: once-, namespace: app}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: example/once}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: app}
spec:
  schedule: 0 2 * * *
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: nightly, image: example/nightly}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: app}
spec:
  minReplicas: 1
  maxReplicas: 2
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: app}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: app}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: app}
spec:
  ingressClassName: nginx
  rules:
    - host: web.example
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {name: http}}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: app}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: app}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: example.org/disk
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]
  validations: [{expression: object.spec.replicas < 5}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ranges.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Range, plural: ranges}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [high]
              x-kubernetes-validations: [{rule: self.low < self.high, message: low must be below high}]
              properties:
                low: {type: integer, default: 1}
                high: {type: integer, maximum: 100}
                tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
---
apiVersion: example.org/v1
kind: Range
metadata: {name: narrow, namespace: app}
spec: {high: 2}
""")
}
PODS: Final = "spec.template.spec"
CONTAINER: Final = f"{PODS}.containers.0"
MIB: Final = 1 << 20
SCHEMA_OF_SPEC: Final = ("schema", "openAPIV3Schema", "properties", "spec")

REFUSED: Final[list[tuple[str, str, Any, str, str]]] = [
    # kind, field that is changed, its value, field that is refused, part of the reason
    (
        "Deployment",
        f"{CONTAINER}.resources.requests.cpu",
        "2",
        "resources.requests",
        "cpu limit",
    ),
    ("Deployment", f"{CONTAINER}.imagePullPolicy", "Sometimes", "imagePullPolicy", "IfNotPresent"),
    ("Deployment", f"{PODS}.containers.1", {"name": "web", "image": "a"}, "containers[1].name", "Duplicate value"),
    ("Deployment", f"{CONTAINER}.volumeMounts.1", {"name": "data", "mountPath": "/data"}, "mountPath", "unique"),
    ("Deployment", f"{CONTAINER}.ports.0.containerPort", 70000, "containerPort", "between 1 and 65535"),
    ("Deployment", f"{CONTAINER}.ports.0.name", "name_with_underscore", "ports[0].name", "alpha-numeric"),
    ("Deployment", f"{CONTAINER}.readinessProbe.tcpSocket", {"port": 80}, "tcpSocket", "more than 1 handler"),
    ("Deployment", f"{CONTAINER}.resources.limits.cpu", "-1", "limits[cpu]", "greater than or equal to 0"),
    ("Deployment", f"{CONTAINER}.env", [{"name": "A B=", "value": ""}], "env[0].name", "environment variable name"),
    ("Deployment", "metadata.name", "Web_App", "metadata.name", "RFC 1123"),
    ("Deployment", "metadata.labels", {"app": "a b"}, "metadata.labels", "label"),
    ("Deployment", "spec.replicas", -1, "spec.replicas", "greater than or equal to 0"),
    (
        "Deployment",
        "spec.strategy",
        {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}},
        "rollingUpdate",
        "Recreate",
    ),
    ("Deployment", "spec.template.metadata.labels.app", "other", "spec.template.metadata.labels", "selector"),
    ("StatefulSet", "spec.podManagementPolicy", "Sideways", "podManagementPolicy", "Parallel"),
    ("DaemonSet", f"{PODS}.restartPolicy", "Never", "restartPolicy", "Always"),
    ("Job", f"{PODS}.restartPolicy", "Always", "restartPolicy", "Never"),
    ("Job", "spec.backoffLimit", -1, "backoffLimit", "greater than or equal to 0"),
    ("CronJob", "spec.schedule", "61 2 * * *", "spec.schedule", "above maximum"),
    ("CronJob", "spec.schedule", "TZ=Europe/Berlin 0 2 * * *", "spec.schedule", "timeZone"),
    ("CronJob", "spec.timeZone", "Europe/Bonn", "spec.timeZone", "unknown time zone"),
    ("PersistentVolumeClaim", "spec.accessModes", ["ReadWriteSome"], "accessModes", "ReadWriteOnce"),
    (
        "PersistentVolumeClaim",
        "spec.resources.requests.storage",
        "0",
        "spec.resources[storage]",
        "greater than zero",
    ),
    ("Namespace", "metadata.labels", {"pod-security.kubernetes.io/warn": "restrict"}, "warn]", "must be one of"),
    ("Namespace", "metadata.labels", {"pod-security.kubernetes.io/audit-version": "1.36"}, "version]", "latest"),
    ("ConfigMap", "data", {"large": "x" * (MIB + 1)}, "", "more than 1048576 bytes"),
    ("ConfigMap", "data", {"a/b": ""}, "data[a/b]", "valid config key"),
    ("Secret", "metadata.annotations", {}, "service-account.name]", "Required value"),
    ("ResourceQuota", "spec.hard", {"pods": "1.5"}, "hard[pods]", "integer"),
    ("Service", "spec.ports.0.nodePort", 30000, "nodePort", "ClusterIP"),
    ("Service", "spec.ports.1", {"port": 81}, "ports[1].name", "Required value"),
    ("Service", "spec.clusterIP", "somewhere", "clusterIPs[0]", "valid IP"),
    ("HorizontalPodAutoscaler", "spec.maxReplicas", 0, "maxReplicas", "greater than 0"),
    ("HorizontalPodAutoscaler", "spec.minReplicas", 3, "maxReplicas", "minReplicas"),
    ("PodDisruptionBudget", "spec.maxUnavailable", 1, "spec", "both set"),
    ("NetworkPolicy", "spec.ingress.0.from.0.ipBlock.cidr", "10.0.0.0/40", "cidr", "CIDR"),
    ("Ingress", "spec.rules.0.http.paths.0.pathType", "Regex", "pathType", "Prefix"),
    ("Ingress", "spec.ingressClassName", "No Class", "ingressClassName", "RFC 1123"),
    ("IngressClass", "spec.controller", "nginx", "spec.controller", "domain-prefixed"),
    ("RoleBinding", "roleRef.kind", "Account", "roleRef.kind", "ClusterRole"),
    ("StorageClass", "reclaimPolicy", "Recycle", "reclaimPolicy", "Delete"),
    ("ValidatingAdmissionPolicy", "spec.validations.0.expression", "object.spec <", "expression", "compilation"),
    ("CustomResourceDefinition", "metadata.name", "other.example.org", "metadata.name", "spec.names.plural"),
    ("Range", "spec.high", 101, "spec.high", "less than or equal to 100"),
    ("Range", "spec.low", 3, "spec", "low must be below high"),
    ("Range", "spec.tags", ["a", "a"], "spec.tags[1]", "Duplicate value"),
    ("Range", "metadata.name", "Narrow", "metadata.name", "RFC 1123"),
]


def resource(value: Any) -> BuiltResource:
    return BuiltResource.of(value, build=cast(Any, None))


def changed(kind: str, field: str, value: Any) -> BuiltResource:
    result = copy.deepcopy(SOUND[kind])
    *parents, last = field.split(".")
    item = result
    for step in parents:
        item = item[int(step)] if isinstance(item, list) else item.setdefault(step, {})
    if isinstance(item, list):
        item.append(value)
    else:
        item[last] = value
    return resource(result)


def template(key: str, text: str) -> BuiltResource:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "app"}}
    (inside,) = embedded(resource({**config, "data": {key: text}}))
    return inside


@pytest.fixture(scope="module")
def violations() -> dict[str, list[Violation]]:
    """The violations of every case by the resource's key, from one run of the program."""
    cases = [changed(*case[:3]) for case in REFUSED]
    by_key: dict[str, list[Violation]] = {case.key: [] for case in cases}
    for violation in apiserver.check([*map(resource, SOUND.values()), *cases], []):
        by_key.setdefault(violation.resource.key, []).append(violation)
    return by_key


@pytest.mark.parametrize("kind", SOUND)
def test_what_the_api_server_accepts_is_no_finding(violations: dict[str, list[Violation]], kind: str) -> None:
    assert resource(SOUND[kind]).key not in violations


@pytest.mark.parametrize(("kind", "field", "value", "refused", "reason"), REFUSED)
def test_what_the_api_server_refuses_is_a_finding(
    violations: dict[str, list[Violation]], kind: str, field: str, value: Any, refused: str, reason: str
) -> None:
    messages = [violation.message for violation in violations[changed(kind, field, value).key]]
    assert any(f"{refused}: ".lstrip(": ") in message and reason in message for message in messages), messages
    assert all(message.startswith(f"{kind} ") and message.endswith(".") for message in messages)


@pytest.mark.parametrize(
    ("kind", "field", "value", "expected"),
    [
        ("PersistentVolumeClaim", "spec.dataSource", {"kind": "VolumeSnapshot", "name": "old"}, "spec.dataSource"),
        ("Ingress", "status", {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}, ""),
        ("Deployment", "metadata.generation", 3, ""),
        ("Service", "spec.externalTrafficPolicy", "", ""),
    ],
)
def test_a_field_that_is_left_out_without_a_word_is_a_finding(
    kind: str, field: str, value: Any, expected: str
) -> None:
    messages = [violation.message for violation in apiserver.check([changed(kind, field, value)], [])]
    losing = f"{kind} app/data loses {expected}: the API server leaves it out, and says nothing."
    assert messages == ([losing] if expected else [])


@pytest.mark.parametrize(
    ("kind", "field", "value", "path"),
    [
        (
            "Deployment",
            "spec.template.metadata.annotations",
            {"a/b/c": "d"},
            ("spec", "template", "metadata", "annotations", "a/b/c"),
        ),
        ("Deployment", "metadata.labels", {"fine": "a", "app": "a b"}, ("metadata", "labels", "app")),
        ("Deployment", "spec.replicas", 3_000_000_000, ("spec", "replicas")),
        (
            "CustomResourceDefinition",
            "spec.versions.0.schema.openAPIV3Schema.properties.spec.x-kubernetes-validations",
            [{"rule": "self.lwo < 1"}],
            ("spec", "versions", "v1", *SCHEMA_OF_SPEC, "x-kubernetes-validations", 0, "rule"),
        ),
    ],
)
def test_a_refusal_names_the_field_that_the_manifest_has(
    kind: str, field: str, value: Any, path: tuple[Any, ...]
) -> None:
    (violation,) = apiserver.check([changed(kind, field, value)], [])
    assert violation.path == path
    assert "Go struct" not in violation.message
    assert "MessageExpression" not in violation.message


def test_a_mount_of_a_refused_volume_is_no_second_finding() -> None:
    broken = changed("Deployment", f"{PODS}.volumes.0.hostPath", {"path": "/x"})
    (violation,) = apiserver.check([broken], [])
    assert "more than 1 volume type" in violation.message


def test_a_pod_template_in_a_configmap_needs_no_name_but_sound_containers() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{name: base, image: a, imagePullPolicy: %s}]\n"
    sound, broken = template("pod.yaml", text % "Always"), template("pod.yaml", text % "Sometimes")
    (violation,) = apiserver.check([sound, broken], [])
    assert (violation.resource, "imagePullPolicy" in violation.message) == (broken, True)


def test_a_spark_template_is_judged_as_the_pod_that_it_becomes() -> None:
    application = {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": "transform", "namespace": "app"},
        "spec": {
            "image": "example/spark",
            "driver": {
                "cores": 1,
                "memory": "1g",
                "volumeMounts": [{"name": "spark-local", "mountPath": "/s"}],
            },
            "executor": {"coreRequest": "2", "coreLimit": "1", "memory": "1g"},
        },
    }
    (violation,) = apiserver.check([resource(application)], [])
    assert violation.path == ("spec", "executor")
    assert violation.message.startswith("SparkApplication app/transform executor is refused: ")
    assert "must be less than or equal to cpu limit of 1" in violation.message


def test_what_the_schemas_found_is_not_reported_twice_and_hides_nothing_else() -> None:
    value = copy.deepcopy(SOUND["PersistentVolumeClaim"])
    value["spec"] |= {"accessModes": [], "volumeMode": "Sideways"}
    claim = resource(value)
    both = {violation.path[1] for violation in apiserver.check([claim], [])}
    assert both == {"accessModes", "volumeMode"}
    known = Violation(LH201, "", claim, ("spec", "accessModes"))
    (left,) = apiserver.check([claim], [known])
    assert left.path == ("spec", "volumeMode")


OLD: Final = """
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: ranges.example.org}
spec: {group: example.org, version: v1, scope: Namespaced, names: {kind: Range, plural: ranges}}
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: never}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: -1}
"""


def test_a_version_that_is_served_no_more_is_the_one_cause() -> None:
    said = [violation.message for violation in apiserver.check(list(map(resource, load(OLD))), [])]
    assert said == [
        "CustomResourceDefinition ranges.example.org is refused: apiVersion: apiextensions.k8s.io/v1beta1 is not "
        "served since Kubernetes 1.22: use apiextensions.k8s.io/v1.",
        "CronJob nightly is refused: apiVersion: batch/v1beta1 is not served since Kubernetes 1.25: use batch/v1.",
        "PodDisruptionBudget web is refused: apiVersion: policy/v1beta1 is not served since Kubernetes 1.25: "
        "use policy/v1.",
    ]


@pytest.mark.parametrize(("field", "value", "rule"), [("minReplicas", 0, "LH213"), ("maxReplicas", 0, "LH203")])
def test_what_a_feature_gate_allows_is_told_from_what_none_does(field: str, value: int, rule: str) -> None:
    (violation, *_) = apiserver.check([changed("HorizontalPodAutoscaler", f"spec.{field}", value)], [])
    assert violation.rule.id == rule


def test_one_resource_that_cannot_be_decoded_does_not_hide_the_others() -> None:
    text = json.dumps(SOUND["Deployment"]).replace('"web"', "7", 1)
    broken = [resource(json.loads(text)), changed("CronJob", "spec.schedule", "never")]
    assert {violation.resource for violation in apiserver.check(broken, [])} == set(broken)


def test_items_of_lists_are_located_by_name(violations: dict[str, list[Violation]]) -> None:
    (violation,) = violations[changed("Deployment", f"{CONTAINER}.imagePullPolicy", "Sometimes").key]
    assert violation.path == ("spec", "template", "spec", "containers", "web", "imagePullPolicy")


GO: Final = "How often it is asked, as a Go duration."
UNITS: Final = "How often it is asked. Valid time units are ns, us, ms, s, m and h."
AMOUNT: Final = "The amount of time between two questions."
CRON: Final = "When it runs, in Cron format."


@pytest.mark.parametrize(
    ("field", "schema", "value", "said"),
    [
        ("refreshInterval", {"description": GO}, "one hour", '"one hour" is no duration such as 1h30m'),
        ("refreshInterval", {"description": GO}, "1d", '"1d" is no duration such as 1h30m'),
        ("refreshInterval", {"description": UNITS}, "30", '"30" is no duration such as 1h30m'),
        ("refreshInterval", {"description": GO}, "1h30m", ""),
        ("requestTimeout", {"description": AMOUNT}, "soon", '"soon" is no duration such as 1h30m'),
        # Many operators read a number of seconds, or of days.
        ("requestTimeout", {"description": AMOUNT}, "30", ""),
        ("requestTimeout", {"description": AMOUNT}, "1d", ""),
        ("requestTimeout", {"description": "Any text."}, "soon", ""),
        ("requestTimeout", {"description": GO}, "${TIMEOUT}", ""),
        ("requestTimeout", {"default": "1m0s"}, "soon", '"soon" is no duration such as 1h30m'),
        ("title", {"description": GO}, "soon", ""),
        ("retryPeriod", {"description": GO, "pattern": "^[a-z]+$"}, "soon", ""),
        ("schedule", {"description": CRON}, "61 2 * * *", '"61 2 * * *" is no schedule: '),
        ("backupSchedule", {"description": CRON}, "every day", '"every day" is no schedule: '),
        ("schedule", {"description": CRON}, "@daily", ""),
        ("schedule", {"description": CRON}, "0 2 * * *", ""),
        ("schedule", {"description": "The name of one."}, "every day", ""),
    ],
)
def test_what_an_operator_reads_by_code_of_its_own(
    field: str, schema: dict[str, str], value: str, said: str
) -> None:
    fields = {field: {"type": "string", **schema}}
    version = {"name": "v1", "served": True, "storage": True}
    items = {"type": "object", "properties": fields}
    spec = {"type": "object", "properties": {"list": {"type": "array", "items": items}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "askers.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"kind": "Asker", "plural": "askers", "singular": "asker", "listKind": "AskerList"},
            "versions": [
                version | {"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}
            ],
        },
    }
    asker = {
        "apiVersion": "example.org/v1",
        "kind": "Asker",
        "metadata": {"name": "a", "namespace": "app"},
        "spec": {"list": [{field: value}]},
    }
    found = apiserver.check([resource(definition), resource(asker)], [])
    assert [(one.rule.id, one.path) for one in found] == [("LH214", ("spec", "list", 0, field))] * bool(said)
    assert all(f"cannot be read by its operator: spec.list[0].{field}: {said}" in one.message for one in found)
