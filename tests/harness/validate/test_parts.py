"""The pure parts: PromQL, CRD schemas, Service names, parity, label selectors."""

from typing import Any

import pytest

from harness.manifests.pods import matches
from harness.validate.kubernetes.hosts import ServiceNames
from harness.validate.kubernetes.parity import differences
from harness.validate.kubernetes.schemas import bundle, custom_schema
from harness.validate.monitoring.metrics import metrics_of


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ("up", {"up"}),
        ('rate(http_total{job="a", path=~"/x.*"}[5m])', {"http_total"}),
        ("sum by (job, instance) (a) / on (job) group_left (version) b", {"a", "b"}),
        ("sum(a) without (x) unless b offset 5m", {"a", "b"}),
        ("histogram_quantile(0.99, sum(rate(d_bucket[5m])) by (le))", {"d_bucket"}),
        ("time() - max(done) > 3600 and on() up == bool 1", {"done", "up"}),
        ('label_replace(a, "x", "$1", "y", "(.*)")', {"a"}),
        ("job:errors:ratio > 0.1", {"job:errors:ratio"}),
        ("a{b='{c}'} + 1e3 + Inf", {"a"}),
    ],
)
def test_metrics_of_a_query(expression: str, metrics: set[str]) -> None:
    assert metrics_of(expression) == metrics


def test_a_custom_schema_refuses_what_it_does_not_know() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "port": {"x-kubernetes-int-or-string": True},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                    "maybe": {"type": "string", "nullable": True},
                },
            }
        },
    }
    result = custom_schema(schema)
    spec = result["properties"]["spec"]
    assert result["additionalProperties"] is False
    assert spec["additionalProperties"] is False
    assert spec["properties"]["port"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert "additionalProperties" not in spec["properties"]["free"]
    assert spec["properties"]["map"]["additionalProperties"] == {"type": "string"}
    assert spec["properties"]["maybe"]["type"] == ["string", "null"]
    assert result["properties"]["metadata"] == {"type": "object"}


def test_a_bundled_schema_holds_what_it_refers_to_even_in_a_circle() -> None:
    definitions = {
        "a": {"properties": {"b": {"$ref": "/api/_definitions.json#/$defs/b"}}},
        "b": {"items": {"$ref": "/api/_definitions.json#/$defs/a"}, "description": "text"},
        "c": {"type": "string"},
    }
    bundled = bundle({"$ref": "/api/_definitions.json#/$defs/a"}, definitions)
    assert bundled["$ref"] == "#/$defs/a"
    assert bundled["$defs"] == {
        "a": {"properties": {"b": {"$ref": "#/$defs/b"}}},
        "b": {"items": {"$ref": "#/$defs/a"}},
    }


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("http://minio.store.svc.cluster.local:9000/x", [("store", "minio", 9000)]),
        ("pod-0.minio.store.svc", [("store", "minio", None)]),
        ("absent.store.svc", [("store", "absent", None)]),
        ("minio.store:9000", [("store", "minio", 9000)]),
        ("//minio/", [("store", "minio", None)]),
        ("postgresql://user@minio:5432/db", [("store", "minio", 5432)]),
        ("minio", []),
        ("minio.example.com", []),
        ("my-minio:9000", []),
    ],
)
def test_services_named_in_text(text: str, services: list[tuple[str, str, int | None]]) -> None:
    names = ServiceNames(frozenset({("store", "minio")}))
    assert list(dict.fromkeys(names.named(text, "store"))) == services


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ({}, {"a": "1"}, True),
        (None, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, {"a": "2"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Near"}]}, {"a": "1"}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any] | None, labels: dict[str, str], selected: bool) -> None:
    assert matches(selector, labels) is selected


@pytest.mark.parametrize(
    ("left", "right", "paths"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}, []),
        ({"spec": {"a": 1}}, {"spec": {"a": 2}}, ["spec/a"]),
        ({"spec": {}}, {"spec": {"a": {"b": 2}}}, ["spec/a/b"]),
        ({"c": [{"name": "x", "image": "a:1"}]}, {"c": [{"name": "x", "image": "b:2"}]}, []),
        ({"c": [{"name": "x"}, {"name": "y"}]}, {"c": [{"name": "y"}, {"name": "x"}]}, []),
        ({"c": [1, 2]}, {"c": [1]}, ["c"]),
        ({"v": {"name": "web-bcdfghkm24"}}, {"v": {"name": "web-5679tttttt"}}, []),
        ({"data": {"a.yaml": "x: 1\nimage: a\n"}}, {"data": {"a.yaml": "image: b\nx: 1\n"}}, []),
        ({"data": {"a.yaml": "x: 1\nz: 2\n"}}, {"data": {"a.yaml": "x: 1\nz: 3\n"}}, ["data/a.yaml/0/z"]),
    ],
)
def test_differences_that_need_not_be(left: Any, right: Any, paths: list[str]) -> None:
    assert ["/".join(map(str, path)) for path, _, _ in differences(left, right)] == paths
