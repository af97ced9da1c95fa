"""Texts that Prometheus, Alertmanager and Grafana read: their configuration, rules and queries."""

import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.globs import path_match
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mapping, mappings, string_map, strings
from harness.validate.model import BuiltResource, Environment
from harness.validate.monitoring.grafana import variable_queries
from harness.validate.monitoring.metrics import series_of
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mounted_files
from harness.validate.texts.parsed import json_line, json_value, yaml_documents
from harness.validate.texts.readers import Reading

LH204: Final = ValidationRule(
    "LH204",
    "Prometheus, Alertmanager and the StatsD exporter accept their configuration, rules and queries",
    "They do not start, or keep the old rules; a panel shows an error.",
    engine="Prometheus",
)
LH205: Final = ValidationRule(
    "LH205",
    "A query, alert, route or relabelling uses labels, jobs and alerts that there are",
    "It matches nothing, or shows an empty text.",
    engine="Prometheus",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

Files = dict[tuple[BuiltResource, str], str]
"""The form of keys of ConfigMaps, as tools/texts names it."""

_PROGRAMS: Final = {
    **{"prometheus": "Prometheus", "rules": "Prometheus", "alertmanager": "Alertmanager"},
    "statsd": "the StatsD exporter",
}
_ALWAYS: Final = frozenset({"job", "instance", "le", "quantile"})
_CONFIG: Final = re.compile(r"^scrape_configs:|^remote_write:", re.MULTILINE)
_RULES: Final = re.compile(r"^groups:", re.MULTILINE)
_MAPPINGS: Final = re.compile(r"^mappings:(?=[\s\S]*?\bmatch:)", re.MULTILINE)
_TEXT: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_TIME: Final = re.compile(r"\$(?:__(?:rate_)?interval|__range)\b|\$\{__(?:(?:rate_)?interval|range)\}")
_NUMBER: Final = re.compile(r"\$\{?__(?:interval|range)_m?s\b\}?")
_VARIABLE: Final = re.compile(r"\$\w+|\$\{[^}]*\}|\[\[[^\]]*\]\]")


def readings(environment: Environment, files: Files) -> Iterator[Reading]:
    """What the three read; a text that is not YAML is another rule's."""
    for (config, key), form in files.items():
        text = string_map(config.value.get("data")).get(key, "")
        if text.strip() and not yaml_documents(text):
            continue
        yield Reading(LH204, config, ("data", key), form, text, f"a {key} that {_PROGRAMS[form]} refuses")
    for resource in environment.of_kind("PrometheusRule"):
        rules = json.dumps(mapping(resource.value.get("spec")), ensure_ascii=False)
        said = "rules that Prometheus refuses"
        yield Reading(LH204, resource, ("spec", "groups"), "rules", rules, said, first=None)
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if key.endswith(".json") and '"expr"' in text:
                for title, expression, legend, place in _queries(text):
                    said = f"a query in {key} ({title}) that Prometheus refuses"
                    line = json_line(text, place)
                    yield Reading(LH204, config, ("data", key), "query", expression, said, line, legend)


def knowledge(environment: Environment, files: Files) -> dict[str, Any]:
    """The labels of series, as tools/texts takes them."""
    series = [
        {"names": one.names, "labels": None if one.labels is None else sorted(one.labels)}
        for one in series_of(environment)
    ]
    return {"common": _common(files), "series": series}


def _common(files: Files) -> list[str] | None:
    """The labels that Prometheus adds; None where no configuration says so."""
    labels: set[str] = set()
    texts = [
        string_map(config.value.get("data")).get(key, "")
        for (config, key), form in files.items()
        if form == "prometheus"
    ]
    for document in (document for text in texts for document in yaml_documents(text)):
        labels |= string_map(dig(document, "global", "external_labels")).keys()
        for job in mappings(dig(document, "scrape_configs")):
            for rule in mappings(job.get("relabel_configs")) + mappings(job.get("metric_relabel_configs")):
                if rule.get("action") == "labelmap":
                    return None
                labels.add(str(rule.get("target_label")))
            for targets in mappings(job.get("static_configs")):
                labels |= string_map(targets.get("labels")).keys()
            if job.get("file_sd_configs") or job.get("http_sd_configs"):
                return None
    return sorted(labels | _ALWAYS) if texts else None


def files_of(environment: Environment) -> Files:
    """The files that Prometheus and Alertmanager read, by their use, their names or what they hold."""
    files: Files = {}
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if key.endswith((".yml", ".yaml", ".rules")) and (form := _form_of(key, text)):
                files[config, key] = form
    mounts = list(mounted_files(environment))
    rule_files: list[str] = []
    for file in mounts:
        arguments = " ".join(strings(file.container.get("command")) + strings(file.container.get("args")))
        used = re.search(rf"--config\.file[= ]{re.escape(file.path)}(?:\s|$)", arguments)
        names = f"{file.container.get('image')} {file.container.get('name')}"
        program = re.search(r"(?:^|[/ ])(prometheus|alertmanager)(?=[:@ ]|$)", names)
        if used and program:
            files[file.config, file.key] = program[1]
        if files.get((file.config, file.key)) == "prometheus":
            for document in yaml_documents(string_map(file.config.value.get("data")).get(file.key, "")):
                folder = posixpath.dirname(file.path)
                rule_files += [posixpath.join(folder, name) for name in strings(dig(document, "rule_files"))]
    for file in mounts:
        if any(path_match(pattern).fullmatch(file.path) for pattern in rule_files):
            files[file.config, file.key] = "rules"
    return files


def _form_of(key: str, text: str) -> str:
    if key.partition(".")[0] in ("prometheus", "alertmanager"):
        return key.partition(".")[0]
    if _CONFIG.search(text):
        return "prometheus"
    if _MAPPINGS.search(text):
        return "statsd"
    if _RULES.search(text):
        for document in yaml_documents(text):
            rules = [rule for group in mappings(dig(document, "groups")) for rule in mappings(group.get("rules"))]
            # Grafana's own rules have an apiVersion.
            if any("expr" in rule for rule in rules) and dig(document, "apiVersion") is None:
                return "rules"
    return ""


def _queries(text: str) -> Iterator[tuple[str, str, str, tuple[Step, ...]]]:
    """The title, the expression, the legend and the field of the queries to Prometheus that can be read alone."""
    value = json_value(text)
    for title, target, source, path in _targets(value, "", "prometheus", ()):
        expression = without_variables(target["expr"])
        if source == "prometheus" and expression is not None:
            yield title, expression, str(target.get("legendFormat") or ""), (*path, "expr")
    for name, asked, label, path in variable_queries(value):
        if (expression := without_variables(asked)) is not None:
            yield f"${name}", f"count by ({label}) ({expression})" if label else expression, "", path


def _targets(
    value: Any, title: str, source: str, path: tuple[Step, ...]
) -> Iterator[tuple[str, dict[str, Any], str, tuple[Step, ...]]]:
    if isinstance(value, dict):
        title = str(value.get("title") or title)
        source = str(dig(value, "datasource", "type") or source)
        if str(value.get("expr") or "").strip():
            yield title, value, source, path
        for key, item in value.items():
            yield from _targets(item, title, source, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _targets(item, title, source, (*path, index))


def without_variables(expression: str) -> str | None:
    """A query with something in place of Grafana's variables; None where they may stand for any part of it.

    >>> without_variables('rate(up{job="$job"}[$__rate_interval])'), without_variables("topk($count, up)")
    ('rate(up{job="x"}[5m])', None)
    """
    expression = _NUMBER.sub("300", _TIME.sub("5m", expression))
    expression = _TEXT.sub(lambda match: _VARIABLE.sub("x", match[0]), expression)
    return None if _VARIABLE.search(expression) else expression
