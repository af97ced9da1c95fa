import json
from pathlib import Path
from typing import Any

from tests.live.queries import Query, Selector, annotations, panels, rules, selectors


def test_panels_are_found_within_rows_too(tmp_path: Path) -> None:
    within = {"title": "Size", "targets": [{"refId": "A", "expr": "x"}]}
    dashboard = {
        "title": "Pipeline",
        "templating": {"list": []},
        "panels": [
            {"title": "Age", "targets": [{"refId": "A", "expr": "up"}, {"refId": "B", "expr": "down"}]},
            {"type": "row", "title": "More", "panels": [within]},
            {"type": "text", "title": "Read me"},
        ],
    }
    (tmp_path / "pipeline.json").write_text(json.dumps(dashboard), encoding="utf-8")
    assert panels(tmp_path) == [
        Query("dashboard Pipeline, panel Age (A)", "up"),
        Query("dashboard Pipeline, panel Age (B)", "down"),
        Query("dashboard Pipeline, panel Size (A)", "x"),
    ]


def test_a_variable_stands_for_all_that_it_may_choose(tmp_path: Path) -> None:
    dashboard = {
        "title": "Pipeline",
        "templating": {"list": [{"name": "dag", "allValue": ".*"}, {"name": "address"}]},
        "annotations": {"list": [{"name": "Runs", "expr": 'x{dag=~"$dag"} > 0'}]},
        "panels": [{"title": "Age", "targets": [{"refId": "A", "expr": 'up{dag=~"$dag"}'}]}],
    }
    (tmp_path / "pipeline.json").write_text(json.dumps(dashboard), encoding="utf-8")
    assert panels(tmp_path) == [Query("dashboard Pipeline, panel Age (A)", 'up{dag=~".*"}')]
    assert annotations(tmp_path) == [Query("dashboard Pipeline, annotation Runs", 'x{dag=~".*"} > 0')]


def test_alerts_and_recordings_are_found(tmp_path: Path) -> None:
    text = "groups: [{name: g, rules: [{alert: Down, expr: up == 0}, {record: age, expr: time()}]}]"
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    assert rules(tmp_path) == [Query("alert Down", "up == 0"), Query("recording age", "time()")]


def selector(name: str, *matchers: tuple[str, str, str], kind: str = "vectorSelector") -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "matchers": [
            {"name": "__name__", "type": "=", "value": name},
            *({"name": label, "type": operator, "value": value} for label, operator, value in matchers),
        ],
    }


def test_selectors_are_found_anywhere_and_once() -> None:
    tree = {
        "type": "binaryExpr",
        "lhs": {"type": "call", "args": [selector("up", ("job", "=", "pods"), kind="matrixSelector")]},
        "rhs": {"type": "parenExpr", "expr": selector("info", ("health", "!=", "Healthy"), ("name", "=~", "a.*"))},
        "more": [selector("up", ("job", "=", "pods")), {"type": "numberLiteral", "val": "1"}],
    }
    queries = selectors(tree)
    assert queries == [
        Selector("up", ('job="pods"',), frozenset({"job"})),
        Selector("info", ('name=~"a.*"',), frozenset({"health", "name"})),
    ]
    assert [item.promql for item in queries] == ['up{job="pods"}', 'info{name=~"a.*"}']


def test_this_repository_has_questions(repo: Path) -> None:
    base = repo / "base" / "monitoring"
    assert len(panels(base / "grafana" / "dashboards")) > 30
    assert len(rules(base / "prometheus" / "rules")) > 20
