"""Queries: every metric that a dashboard or alert reads must be exposed.

`metrics.yaml`, beside this file, lists what the platform's programs expose; recording rules and the StatsD
exporter's mappings add what they define.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.manifests.kubernetes_yaml import load
from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import resources
from harness.validate.model import BuiltResource, Environment
from harness.validate.monitoring.grafana import variable_queries
from harness.validate.programs.flags import flags_in, program_of
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import json_value, yaml_documents

LH311: Final = ValidationRule(
    "LH311",
    "A query's metrics are known",
    "The panel stays empty, or the alert never fires.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

FILE: Final = Path(__file__).with_name("metrics.yaml")
_DEFINITION: Final = re.compile(r"^ *(?:- )?(?:record|mappings):", re.MULTILINE)
"""Recording rules, and the mappings of the StatsD exporter."""
_OF_STATE: Final = re.compile(r"kube_([a-z]+)(?:_|$)")
_STRING: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_MATCHERS: Final = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|#.*")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"(?<![\w$:.])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])")
_WORDS: Final = frozenset(
    {"and", "or", "unless", "bool", "offset", "inf", "nan", "by", "without", "on", "ignoring"}
) | {
    "group_left",
    "group_right",
    "start",
    "end",
    "atan2",
}


def check(environment: Environment) -> Iterator[Violation]:
    """Finds queries that read metrics nothing exposes."""
    known = _known(environment)
    read: dict[str, str] = {}
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            for where, expression in _queries(str(key), str(text)):
                for metric in sorted(metrics_of(expression)):
                    if match := _OF_STATE.match(metric):
                        read.setdefault(match[1], metric)
                    if not known.fullmatch(metric):
                        message = f"{config} queries {metric} in {key} ({where}), which nothing exposes."
                        yield Violation(LH311, message, config, ("data", str(key)), _line(str(text), expression))

    yield from _unlisted(environment, read)


def _unlisted(environment: Environment, read: dict[str, str]) -> Iterator[Violation]:
    """Resources whose metrics queries read, and that kube-state-metrics is told not to list."""
    for pod in environment.pods:
        for path, container, _ in pod.containers():
            if program_of(container)[0] != "kube-state-metrics":
                continue
            there = {_singular(name): name for _, name in resources((), set()) if "/" not in name}
            for index, flag, value in flags_in([str(word) for word in sequence(container.get("args"))]):
                listed = {_singular(name) for name in (value or "").split(",")}
                for resource, metric in sorted(read.items()) if flag == "resources" and value else ():
                    if resource in there and resource not in listed:
                        said = f"passes --resources without {there[resource]}, whose {metric} a query reads"
                        yield Violation(LH311, f"{pod.owner} {said}.", pod.owner, (*path, "args", index))


def _singular(resource: str) -> str:
    """A resource as kube-state-metrics' metrics name it.

    >>> _singular("cronjobs"), _singular("ingresses"), _singular("networkpolicies")
    ('cronjob', 'ingress', 'networkpolicy')
    """
    if resource.endswith("ies"):
        return f"{resource[:-3]}y"
    return resource[:-2] if resource.endswith(("sses", "xes")) else resource.removesuffix("s")


def _line(text: str, expression: str) -> int:
    """The line of a query: as JSON or YAML write it, on one line or on several."""
    forms = (json.dumps(expression), json.dumps(expression)[1:-1], expression.partition("\n")[0])
    start = next((text.index(form) for form in forms if form in text), 0)
    return text.count("\n", 0, start) + 1


def metrics_of(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads.

    >>> sorted(metrics_of('sum by (job) (rate(up{job="x"}[5m])) / on(job) scrape_total'))
    ['scrape_total', 'up']
    """
    text = _MATCHERS.sub(" ", _STRING.sub("", expression))
    text = _GROUPING.sub(" ", text)
    return {name for name in _IDENTIFIER.findall(text) if name.lower() not in _WORDS}


def _queries(key: str, text: str) -> Iterator[tuple[str, str]]:
    """The queries in a file of a ConfigMap, with their purposes."""
    if key.endswith(".json") and '"expr"' in text:
        yield from _expressions(json_value(text), "title")
        yield from ((f"${name}", asked) for name, asked, _, _ in variable_queries(json_value(text)))
    elif key.endswith((".yaml", ".yml")) and "expr:" in text:
        for document in yaml_documents(text):
            for group in mappings(dig(document, "groups")):
                yield from _expressions(group, "alert")


def _expressions(value: Any, title: str, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        name = str(value.get(title) or value.get("record") or name)
        if isinstance(value.get("expr"), str):
            yield name, value["expr"]
        for item in value.values():
            yield from _expressions(item, title, name)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item, title, name)


@dataclass(frozen=True)
class Series:
    """Metrics that a pattern names.

    Attributes:
        labels: Those of their series; None where these are not known.
        values: What some of the labels have.
        jobs: The jobs that scrape them; None where any may.
    """

    names: str
    labels: frozenset[str] | None = None
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: tuple[str, ...] | None = None


_SUFFIX: Final = "(?:_bucket|_count|_sum|_total)?"


@cache
def _listed() -> tuple[Series, ...]:
    listed: list[Series] = []
    for document in load(FILE.read_text(encoding="utf-8")):
        for exporter in mappings(dig(document, "exporters")):
            common, jobs = exporter.get("labels"), exporter.get("jobs")
            for metric in exporter["metrics"]:
                own = metric if isinstance(metric, dict) else {metric: []}
                for name, labels in own.items():
                    values = {
                        key: tuple(choices)
                        for label in labels
                        if isinstance(label, dict)
                        for key, choices in label.items()
                    }
                    names = {label for label in labels if isinstance(label, str)} | values.keys()
                    series = None if common is None else frozenset((*common, *names))
                    listed.append(Series(name, series, values, None if jobs is None else tuple(jobs)))
    return tuple(listed)


def series_of(environment: Environment) -> list[Series]:
    """What programs expose and mappings define; their names may end in the suffixes of counters and histograms."""
    defined = [series for config in environment.of_kind("ConfigMap") for series in _defined(config)]
    return [replace(series, names=f"(?:{series.names}){_SUFFIX}") for series in (*_listed(), *defined)]


def _known(environment: Environment) -> re.Pattern[str]:
    """All metrics as one pattern; `metrics.yaml` may use regular expressions."""
    return re.compile("|".join(series.names for series in series_of(environment)) or "(?!)")


def _defined(config: BuiltResource) -> Iterator[Series]:
    for key, text in string_map(config.value.get("data")).items():
        if not str(key).endswith((".yaml", ".yml")) or not _DEFINITION.search(str(text)):
            continue
        for document in yaml_documents(str(text)):
            for rule in (
                rule for group in mappings(dig(document, "groups")) for rule in mappings(group.get("rules"))
            ):
                if isinstance(rule.get("record"), str):
                    # Its labels follow from its expression.
                    yield Series(re.escape(rule["record"]))
            for mapping in mappings(dig(document, "mappings")):
                if isinstance(mapping.get("name"), str):
                    # `$1` in a mapping's name is what its pattern matched.
                    names = re.sub(r"\\\$(?:\\\{)?\d(?:\\\})?", r"\\w+", re.escape(mapping["name"]))
                    labels = string_map(mapping.get("labels"))
                    values = {label: (value,) for label, value in labels.items() if "$" not in value}
                    quantiles = _quantiles(mapping, dig(document, "defaults"))
                    yield Series(names, frozenset(labels), values | ({"quantile": quantiles} if quantiles else {}))


def _quantiles(mapping: dict[str, Any], defaults: Any) -> tuple[str, ...]:
    """Those that the StatsD exporter writes of what it maps to a summary; none where they are its own."""
    if (mapping.get("observer_type") or dig(defaults, "observer_type")) != "summary":
        return ()
    for options in (mapping, defaults):
        if listed := mappings(dig(options, "summary_options", "quantiles")):
            return tuple(str(one.get("quantile")) for one in listed)
    return ()
