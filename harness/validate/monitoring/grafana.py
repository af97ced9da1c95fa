"""What Grafana reads from ConfigMaps: dashboards, and the files that provision it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from harness.manifests.kubernetes_yaml import FieldPath, Step
from harness.manifests.values import dig, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mount_paths
from harness.validate.texts.parsed import json_line, json_value, yaml_documents

DURATION: Final = re.compile(r"[<>]?\d+|[<>]?(?:\d+(?:ms|[smhdwMy]))+")
"""As Grafana writes one; seconds without a unit."""


_LABEL_VALUES: Final = re.compile(r"\s*label_values\(\s*(.+?)\s*,\s*([a-zA-Z_]\w*)\s*\)\s*", re.DOTALL)
_QUERY_RESULT: Final = re.compile(r"\s*query_result\((.+)\)\s*", re.DOTALL)


@dataclass(frozen=True)
class File:
    """A key of a ConfigMap, and the paths at which pods read it."""

    config: BuiltResource
    key: str
    text: str
    paths: frozenset[str]

    def violation(self, rule: ValidationRule, what: str, said: str, path: FieldPath) -> Violation:
        line = json_line(self.text, path)
        return Violation(
            rule, f"{self.config} has {what} {self.key} that {said}.", self.config, ("data", self.key), line
        )


@dataclass(frozen=True, eq=False)
class Dashboard(File):
    value: dict[str, Any]

    @cached_property
    def panels(self) -> list[tuple[FieldPath, dict[str, Any]]]:
        """The panels, with those of folded rows."""
        listed: list[tuple[FieldPath, dict[str, Any]]] = []
        for path, panel in _items(self.value, "panels"):
            listed.append((path, panel))
            listed += [((*path, *inner), item) for inner, item in _items(panel, "panels")]
        return listed

    @cached_property
    def variables(self) -> list[tuple[FieldPath, dict[str, Any]]]:
        return _items(self.value, "templating", "list")

    @cached_property
    def annotations(self) -> list[tuple[FieldPath, dict[str, Any]]]:
        return _items(self.value, "annotations", "list")


def targets(panel: dict[str, Any]) -> list[tuple[FieldPath, dict[str, Any]]]:
    """The queries of a panel."""
    return _items(panel, "targets")


def _items(value: Any, *path: Step) -> list[tuple[FieldPath, dict[str, Any]]]:
    items = dig(value, *path)
    return [
        ((*path, index), item)
        for index, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict)
    ]


def variable_queries(dashboard: Any) -> Iterator[tuple[str, str, str, FieldPath]]:
    """What variables ask Prometheus: (variable, expression, label or empty, field).

    >>> list(variable_queries({"templating": {"list": [{"name": "job", "query": "label_values(up, job)"}]}}))
    [('job', 'up', 'job', ('templating', 'list', 0, 'query'))]
    """
    for path, variable in _items(dashboard, "templating", "list"):
        if (dig(variable, "datasource", "type") or "prometheus") != "prometheus":
            continue
        where: FieldPath = ("query", "query") if isinstance(variable.get("query"), dict) else ("query",)
        text = str(dig(variable, *where) or "")
        if match := _LABEL_VALUES.fullmatch(text) or _QUERY_RESULT.fullmatch(text):
            label = match[2] if match.re is _LABEL_VALUES else ""
            yield str(variable.get("name")), match[1], label, (*path, *where)


def files(environment: Environment) -> Iterator[File]:
    paths = mount_paths(environment)
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            yield File(config, key, text, frozenset(paths.get((config.namespace, config.name, key), ())))


def dashboards(environment: Environment) -> Iterator[Dashboard]:
    for file in files(environment):
        if file.key.endswith(".json") and '"panels"' in file.text:
            value = json_value(file.text)
            if isinstance(value, dict) and isinstance(value.get("panels"), list):
                yield Dashboard(file.config, file.key, file.text, file.paths, value)


def provisioned(file: File, kind: str) -> list[dict[str, Any]]:
    """The documents of a file that provisions data sources or the like, by its folder or by what it has."""
    if not file.key.endswith((".yaml", ".yml")):
        return []
    folder = f"/provisioning/{'dashboards' if kind == 'providers' else kind}/"
    is_there = any(folder in path for path in file.paths)
    if not is_there and kind not in file.text:
        return []
    documents = [document for document in yaml_documents(file.text) if isinstance(document, dict)]
    return [document for document in documents if is_there or mappings(document.get(kind))]


def data_sources(environment: Environment) -> list[tuple[File, dict[str, Any]]]:
    """The data sources that are provisioned, each with its file."""
    return [
        (file, source)
        for file in files(environment)
        for document in provisioned(file, "datasources")
        for source in mappings(document.get("datasources"))
    ]
