"""What endangers data and containers: databases, operators' resources, policies, schemas."""

from typing import Any

import pytest
import yaml

from tests.harness.review.test_risks import rules

POD_RISKS = {"DF301", "DF401", "DF403", "DF404", "DF402"}


def database(image: str, *, mount: str = "{name: data, mountPath: /data}", env: str = "", args: str = "") -> Any:
    return yaml.safe_load(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n"
        "  volumeClaimTemplates: [{metadata: {name: data}}]\n  template:\n    spec:\n      containers:\n"
        f"      - {{name: db, image: '{image}', volumeMounts: [{mount}], env: [{env}], args: [{args}]}}\n"
    )


def with_claim(image: str) -> Any:
    value = database(image)
    del value["spec"]["volumeClaimTemplates"]
    value["kind"] = "Deployment"
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    value["spec"]["template"]["spec"]["volumes"] = [claim]
    return value


def without_claim(image: str) -> Any:
    value = with_claim(image)
    value["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    return value


@pytest.mark.parametrize("make", [database, with_claim])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("postgres:15", "postgres:18"),
        ("docker.io/bitnami/postgresql:15.4.0-debian-11-r1", "docker.io/bitnami/postgresql:16.0.0"),
        ("timescale/timescaledb:2.11.0-pg15", "timescale/timescaledb:2.11.0-pg16"),
        ("postgres:15", "postgres:latest"),
        ("mysql:8.0", "mysql:8.4"),
        ("mariadb:10.6", "mariadb:10.11"),
        ("mongo:4.4", "mongo:5.0"),
        (
            "docker.elastic.co/elasticsearch/elasticsearch:7.17.0",
            "docker.elastic.co/elasticsearch/elasticsearch:8.0.0",
        ),
        ("opensearchproject/opensearch:1.3", "opensearchproject/opensearch:2.0"),
        ("bitnami/kafka:3.6", "bitnami/kafka:4.0"),
        ("redis:6-alpine", "redis:7-alpine"),
        ("clickhouse/clickhouse-server:23.8", "clickhouse/clickhouse-server:24.1"),
        ("postgres:18", "postgres:15"),
    ],
)
def test_a_store_whose_major_version_changes_over_its_volume(make: Any, before: str, after: str) -> None:
    assert rules(make(before), make(after)) - POD_RISKS == {"DF405"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (database("postgres:15.1"), database("postgres:15.4")),
        (database("mysql:8.4.1"), database("mysql:8.4.9")),
        (database("web:1"), database("web:2")),
        (database("prom/postgres-exporter:0.1"), database("prom/postgres-exporter:1.0")),
        (without_claim("redis:6"), without_claim("redis:7")),
    ],
)
def test_other_versions_are_no_risk_for_data(before: Any, after: Any) -> None:
    assert rules(before, after) <= POD_RISKS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"mount": "{name: data, mountPath: /var/lib/data}"}),
        ({}, {"mount": "{name: data, mountPath: /data, subPath: db}"}),
        ({}, {"mount": ""}),
        ({"env": "{name: PGDATA, value: /data/a}"}, {"env": "{name: PGDATA, value: /data/b}"}),
        ({}, {"env": "{name: MYSQL_DATADIR, value: /data/b}"}),
        ({"env": "{name: KAFKA_LOG_DIRS, value: /data}"}, {}),
        ({"args": "--dbpath=/data/a"}, {"args": "--dbpath=/data/b"}),
        ({"args": "-D, /data/a"}, {"args": "-D, /data/b"}),
    ],
)
def test_a_store_that_looks_for_its_data_elsewhere(before: Any, after: Any) -> None:
    assert rules(database("db:1", **before), database("db:1", **after)) - POD_RISKS == {"DF110"}


def custom(kind: str, spec: str, api: str = "example.com/v1") -> Any:
    return yaml.safe_load(f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: db, namespace: n}}\nspec: {spec}\n")


CUSTOM = [
    ("Cluster", "{instances: 3}", "{instances: 1}", {"DF501"}),
    ("Cluster", "{instances: 3}", "{instances: 0}", {"DF502"}),
    ("Cluster", "{instances: 1}", "{instances: 3}", {"DF503"}),
    ("Cluster", "{storage: {size: 10Gi}}", "{storage: {size: 5Gi}}", {"DF102"}),
    ("Cluster", "{storage: {size: 10Gi}}", "{storage: {size: 15Gi}}", {"DF111"}),
    ("Cluster", "{walStorage: {storageClass: a}}", "{walStorage: {storageClass: b}}", {"DF103"}),
    ("Cluster", "{imageName: 'pg/postgresql:15.2'}", "{imageName: 'pg/postgresql:18.0'}", {"DF405"}),
    ("Elasticsearch", "{nodeSets: [{name: a, count: 3}]}", "{nodeSets: [{name: a, count: 2}]}", {"DF501"}),
    ("Elasticsearch", "{version: 7.17.1}", "{version: 8.0.0}", {"DF405"}),
    (
        "Elasticsearch",
        "{volumeClaimDeletePolicy: DeleteOnScaledownOnly}",
        "{volumeClaimDeletePolicy: DeleteOnScaledownAndClusterDeletion}",
        {"DF109"},
    ),
    (
        "Elasticsearch",
        "{volumeClaimDeletePolicy: DeleteOnScaledownAndClusterDeletion}",
        "{volumeClaimDeletePolicy: DeleteOnScaledownOnly}",
        set(),
    ),
    ("RDSInstance", "{forProvider: {engineVersion: '15.3'}}", "{forProvider: {engineVersion: '16.1'}}", {"DF405"}),
    ("K8ssandraCluster", "{cassandra: {serverVersion: 4.0.1}}", "{cassandra: {serverVersion: 5.0.1}}", {"DF405"}),
    ("RedisCluster", "{clusterSize: 3}", "{clusterSize: 1}", {"DF501"}),
    ("CephBlockPool", "{replicated: {size: 3}}", "{replicated: {size: 1}}", {"DF501"}),
    ("Redis", "{masterReplicas: 3}", "{masterReplicas: 0}", {"DF502"}),
    ("Elasticsearch", "{http: {tlsVersion: '1.2'}}", "{http: {tlsVersion: '2.0'}}", set()),
    (
        "Elasticsearch",
        "{nodeSets: [{name: a, volumeClaimTemplates: [{metadata: {name: x}}]}, {name: b}]}",
        "{nodeSets: [{name: b}]}",
        {"DF107"},
    ),
    (
        "Elasticsearch",
        "{nodeSets: [{name: a, volumeClaimTemplates: [{spec: {resources: {requests: {storage: 10Gi}}}}]}]}",
        "{nodeSets: [{name: a, volumeClaimTemplates: [{spec: {resources: {requests: {storage: 5Gi}}}}]}]}",
        {"DF102"},
    ),
    ("Prometheus", "{storage: {volumeClaimTemplate: {spec: {}}}}", "{storage: {}}", {"DF110"}),
    ("Kafka", "{kafka: {version: 3.9.0}}", "{kafka: {version: 4.0.0}}", {"DF405"}),
    ("Kafka", "{kafka: {storage: {type: persistent-claim}}}", "{kafka: {storage: {type: ephemeral}}}", {"DF112"}),
    ("Kafka", "{kafka: {storage: {deleteClaim: false}}}", "{kafka: {storage: {deleteClaim: true}}}", {"DF109"}),
    (
        "HelmRelease",
        "{values: {db: {persistence: {enabled: true}}}}",
        "{values: {db: {persistence: {enabled: false}}}}",
        {"DF112"},
    ),
    (
        "HelmRelease",
        "{values: {a: 1}}",
        "{values: {a: 1, server: {persistentVolume: {enabled: false}}}}",
        {"DF112"},
    ),
    ("HelmRelease", "{values: {persistence: {size: 10Gi}}}", "{values: {persistence: {size: 8Gi}}}", {"DF102"}),
    ("HelmRelease", "{values: {master: {replicaCount: 3}}}", "{values: {master: {replicaCount: 1}}}", {"DF501"}),
    ("Bucket", "{deletionPolicy: Orphan}", "{deletionPolicy: Delete}", {"DF109"}),
    ("Bucket", "{deletionPolicy: Retain}", "{}", {"DF109"}),
    (
        "RDSInstance",
        "{forProvider: {deletionProtection: true}}",
        "{forProvider: {deletionProtection: false}}",
        {"DF109"},
    ),
    (
        "RDSInstance",
        "{forProvider: {skipFinalSnapshot: false}}",
        "{forProvider: {skipFinalSnapshot: true}}",
        {"DF109"},
    ),
    ("CephFilesystem", "{preserveFilesystemOnDelete: true}", "{preserveFilesystemOnDelete: false}", {"DF109"}),
    ("CephObjectStore", "{preservePoolsOnDelete: true}", "{}", {"DF109"}),
    (
        "CephCluster",
        "{cleanupPolicy: {confirmation: ''}}",
        "{cleanupPolicy: {confirmation: yes-really-destroy-data}}",
        {"DF109"},
    ),
    ("RecurringJob", "{retain: 7}", "{retain: 1}", {"DF109"}),
    ("RecurringJob", "{retain: 1}", "{retain: 7}", set()),
    ("KafkaTopic", "{config: {retention.ms: 604800000}}", "{config: {retention.ms: 3600000}}", {"DF109"}),
    ("KafkaTopic", "{config: {retention.ms: -1}}", "{config: {retention.ms: 3600000}}", {"DF109"}),
    ("KafkaTopic", "{config: {retention.ms: 3600000}}", "{config: {retention.ms: -1}}", set()),
    ("Cluster", "{backup: {retentionPolicy: 30d}}", "{backup: {retentionPolicy: 1w}}", {"DF109"}),
    ("Prometheus", "{retention: 1y, retentionSize: 50GB}", "{retention: 52w, retentionSize: 50GB}", {"DF109"}),
    ("Prometheus", "{retentionSize: 50GB}", "{retentionSize: 5GB}", {"DF109"}),
    ("Snapshots", "{retain: {keepDaily: 14}}", "{retain: {keepDaily: 2}}", {"DF109"}),
    ("Cluster", "{walStorage: {size: 1Gi}}", "{}", {"DF110"}),
    (
        "Kafka",
        "{storage: {volumes: [{id: 0, type: persistent-claim}, {id: 1, type: persistent-claim}]}}",
        "{storage: {volumes: [{id: 0, type: persistent-claim}]}}",
        {"DF107"},
    ),
    ("Thing", "{persistence: {existingClaim: a}}", "{persistence: {existingClaim: b}}", {"DF110"}),
    ("Thing", "{persistence: {existingClaim: a}}", "{persistence: {}}", {"DF110"}),
    ("Thing", "{data: {pvcName: a}}", "{data: {pvcName: b}}", {"DF110"}),
    ("Thing", "{claimName: a, title: a}", "{claimName: a, title: b}", set()),
    ("HelmRelease", "{values: {db: {existingClaim: a}}}", "{values: {db: {existingClaim: b}}}", {"DF110"}),
    (
        "HelmRelease",
        "{values: {postgresql: {image: {tag: '15.4'}}}}",
        "{values: {postgresql: {image: {tag: '16.1'}}}}",
        {"DF405"},
    ),
    ("HelmRelease", "{values: {web: {image: {tag: '15.4'}}}}", "{values: {web: {image: {tag: '16.1'}}}}", set()),
    ("PersistentVolumeThing", "{reclaimPolicy: Retain}", "{reclaimPolicy: Delete}", {"DF109"}),
    ("Thing", "{deep: {volumeReclaimPolicy: keep}}", "{deep: {volumeReclaimPolicy: delete}}", {"DF109"}),
    ("Thing", "{deletionPolicy: Delete}", "{deletionPolicy: Retain}", set()),
    ("Thing", "{size: 3, capacity: 5, title: a}", "{size: 2, capacity: 4, title: b}", set()),
]


@pytest.mark.parametrize(("kind", "before", "after", "expected"), CUSTOM)
def test_resources_of_operators(kind: str, before: str, after: str, expected: set[str]) -> None:
    assert rules(custom(kind, before), custom(kind, after)) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{volumeClaimTemplate: {spec: {storageClassName: a}}}", {"DF107"}),
        ("{storage: {size: 10Gi}}", {"DF107"}),
        ("{image: {size: 10}}", set()),
        ("{volumes: [{name: a, persistentVolumeClaim: {claimName: a}}]}", set()),
    ],
)
def test_any_kind_that_makes_claims_is_a_store_when_it_is_removed(spec: str, expected: set[str]) -> None:
    assert rules(custom("Thing", spec), None) == expected


def test_values_of_a_chart_that_is_not_rendered() -> None:
    def values(text: str) -> Any:
        return yaml.safe_load(f"kind: HelmValues\nmetadata: {{name: db}}\nvalues: {text}\n")

    before = "{persistence: {existingClaim: a, size: 10Gi}, replicaCount: 3, postgresql: {image: {tag: '15'}}}"
    after = "{persistence: {existingClaim: b, size: 5Gi}, replicaCount: 1, postgresql: {image: {tag: '17'}}}"
    assert rules(values(before), values(after)) == {"DF110", "DF102", "DF501", "DF405"}


def test_parameters_and_values_of_a_chart() -> None:
    helm = [
        "{source: {helm: {parameters: [{name: a.persistence.enabled, value: 'VALUE'}]}}}",
        "{source: {helm: {values: 'persistence: {enabled: VALUE}'}}}",
        "{source: {helm: {valuesObject: {redis: {persistence: {enabled: VALUE}}}}}}",
    ]
    for spec in helm:
        before, after = (
            custom("Application", spec.replace("VALUE", value), "argoproj.io/v1alpha1")
            for value in ("true", "false")
        )
        assert rules(before, after) - {"DF605"} == {"DF112"}


def definition(schema: Any) -> Any:
    versions = [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"versions": versions},
    }


def inside(schema: dict[str, Any]) -> Any:
    return definition({"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": schema}}}})


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["a"]}),
        ({"type": "string"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string"}, {"type": "integer"}),
        ({"properties": {"x": {}, "y": {}}}, {"properties": {"x": {}}}),
        ({"properties": {"x": {}}}, {"properties": {"x": {}}, "required": ["x"]}),
        ({"maximum": 10}, {"maximum": 9}),
        ({}, {"minLength": 1}),
        ({"pattern": ".*"}, {"pattern": "a.*"}),
        ({"nullable": True}, {}),
        ({"x-kubernetes-preserve-unknown-fields": True}, {}),
        ({"additionalProperties": {"type": "string"}}, {"additionalProperties": False}),
        ({"items": {"enum": [1, 2]}}, {"items": {"enum": [2]}}),
        ({}, {"x-kubernetes-validations": [{"rule": "self > 1"}]}),
        ({"additionalProperties": {"maximum": 5}}, {"additionalProperties": {"maximum": 4}}),
    ],
)
def test_a_schema_that_accepts_less(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    assert rules(inside(wide), inside(narrow)) == {"DF106"}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"enum": ["a"]}, {"enum": ["b", "a"]}),
        ({"enum": ["a"]}, {}),
        ({"type": "integer"}, {"type": "number"}),
        ({"required": ["x"]}, {}),
        ({"maximum": 9}, {"maximum": 10}),
        ({"properties": {"x": {}}}, {"properties": {"x": {}, "y": {"default": 1}}}),
        ({"description": "a"}, {"description": "b"}),
    ],
)
def test_a_schema_that_accepts_more(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    assert rules(inside(narrow), inside(wide)) == set()


def containers(*names: str, first: tuple[str, ...] = ()) -> Any:
    value = with_claim("web:1")
    spec = value["spec"]["template"]["spec"]
    spec["containers"] = [{"name": name, "image": f"{name.partition('-')[0]}:1"} for name in names]
    spec["initContainers"] = [{"name": name, "image": f"{name}:1"} for name in first]
    return value


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (containers("web", "proxy"), containers("web"), {"DF313"}),
        (containers("web"), containers(), {"DF314"}),
        (containers("web", first=("mesh",)), containers("web"), {"DF313"}),
        (containers("web-a"), containers("web-b"), set()),
        (containers("web", first=("mesh",)), containers("web", "mesh"), set()),
    ],
)
def test_containers_that_are_removed(before: Any, after: Any, expected: set[str]) -> None:
    assert rules(before, after) - {"DF301"} == expected


SCALER = "apiVersion: v1\nkind: KIND\nmetadata: {name: s}\nspec: {scaleTargetRef: {kind: Deployment, name: web}}\n"
WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    "spec: {replicas: 2, template: {spec: {containers: [{name: c, image: i:1}]}}}\n"
)


@pytest.mark.tools
@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"web.yaml": WEB}, {"s.yaml": SCALER}, {"DF507"}),
        ({"web.yaml": WEB, "s.yaml": SCALER}, {"web.yaml": WEB.replace("2", "3")}, {"DF503", "DF507"}),
        ({"web.yaml": WEB.replace("replicas: 2, ", "")}, {"s.yaml": SCALER}, set()),
        ({"web.yaml": WEB, "s.yaml": SCALER}, {"web.yaml": WEB.replace("replicas: 2, ", "")}, {"DF501"}),
        ({"web.yaml": WEB}, {"s.yaml": SCALER.replace("name: web", "name: other")}, set()),
    ],
)
def test_replicas_beside_an_autoscaler(
    checkout: Any, kind: str, before: dict[str, str], after: dict[str, str], expected: set[str]
) -> None:
    folder = "overlays/one"
    for files in (before, {**before, **after}):
        names = {f"{folder}/{name}": text.replace("KIND", kind) for name, text in files.items()}
        checkout.write({f"{folder}/kustomization.yaml": f"resources: [{', '.join(files)}]\n", **names})
        if files is before:
            checkout.commit({})
    assert {risk.rule for *_, risk in checkout.review().risks} == expected
