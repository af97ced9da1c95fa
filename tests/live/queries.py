"""Every query of the platform's monitoring: panels of dashboards, rules."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and where it is, in words."""

    where: str
    expression: str


@dataclass(frozen=True)
class Selector:
    """What an expression reads: a metric, the matchers that name what is wanted, and the labels of all matchers."""

    metric: str
    kept: tuple[str, ...]
    labels: frozenset[str]

    @property
    def promql(self) -> str:
        """The series that have to be there, whatever their value."""
        return f"{self.metric}{{{','.join(self.kept)}}}"


def panels(folder: Path) -> list[Query]:
    """The queries of all panels of the Grafana dashboards in a folder, with all that their variables may choose."""
    queries = []
    for dashboard in _dashboards(folder):
        for panel in _panels(dashboard["panels"]):
            for target in panel.get("targets", []):
                where = f"dashboard {dashboard['title']}, panel {panel['title']}"
                queries.append(Query(f"{where} ({target['refId']})", _with_all(target["expr"], dashboard)))
    return queries


def annotations(folder: Path) -> list[Query]:
    """The queries of all annotations, in the same way."""
    return [
        Query(f"dashboard {dashboard['title']}, annotation {item['name']}", _with_all(item["expr"], dashboard))
        for dashboard in _dashboards(folder)
        for item in dashboard["annotations"]["list"]
    ]


def _dashboards(folder: Path) -> Iterator[Any]:
    return (json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json")))


def _with_all(expression: str, dashboard: Mapping[str, Any]) -> str:
    for variable in dashboard["templating"]["list"]:
        expression = expression.replace(f"${variable['name']}", variable.get("allValue", ""))
    return expression


def _panels(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


def rules(folder: Path) -> list[Query]:
    """The expressions of all alerts and recordings in a folder of Prometheus's rule files."""
    queries = []
    for file in sorted(folder.glob("*.yaml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                kind = "alert" if "alert" in rule else "recording"
                queries.append(Query(f"{kind} {rule.get('alert') or rule.get('record')}", rule["expr"]))
    return queries


def selectors(tree: Any) -> list[Selector]:
    """The selectors in a syntax tree as Prometheus's `/api/v1/parse_query` gives it, each once."""
    distinct: dict[Selector, None] = {}
    for node in _nodes(tree):
        if node.get("type") in ("vectorSelector", "matrixSelector"):
            matchers = [m for m in node.get("matchers") or [] if m["name"] != "__name__"]
            named = [m["value"] for m in node.get("matchers") or [] if m["name"] == "__name__"]
            selector = Selector(
                metric=node.get("name") or named[0],
                kept=tuple(
                    f"{m['name']}{m['type']}{json.dumps(m['value'], ensure_ascii=False)}"
                    for m in matchers
                    if m["type"] in ("=", "=~")
                ),
                labels=frozenset(m["name"] for m in matchers),
            )
            distinct[selector] = None
    return list(distinct)


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)
