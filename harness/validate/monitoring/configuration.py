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
from harness.validate.monitoring.grafana import data_sources, variable_queries
from harness.validate.monitoring.metrics import series_of
from harness.validate.programs.flags import flags_in, program_of
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
    "A query, alert, route, mapping or relabelling finds what it asks for: labels, values, jobs, samples",
    "It matches nothing or always, or shows an empty text.",
    engine="Prometheus",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

Files = dict[tuple[BuiltResource, str], str]
"""The form of keys of ConfigMaps, as tools/texts names it."""

_PROGRAMS: Final = {
    **{"prometheus": "Prometheus", "rules": "Prometheus", "alertmanager": "Alertmanager"},
    "notification": "Alertmanager",
    "statsd": "the StatsD exporter",
}
_NAMED: Final = {"prometheus": ("rule_files", "rules"), "alertmanager": ("templates", "notification")}
"""The field in which a configuration names other files, and what these are."""
_NAMESPACE: Final = "__meta_kubernetes_namespace"
_POD_LABEL: Final = re.compile(r"__meta_kubernetes_pod_label_(\w+)")
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_OWN_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_ALWAYS: Final = frozenset({"job", "instance", "le", "quantile"})
_CONFIG: Final = re.compile(r"^scrape_configs:|^remote_write:", re.MULTILINE)
_RULES: Final = re.compile(r"^groups:", re.MULTILINE)
_MAPPINGS: Final = re.compile(r"^mappings:(?=[\s\S]*?\bmatch:)", re.MULTILINE)
_TEXT: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_TIME: Final = re.compile(r"\$(?:__rate_interval|__range)\b|\$\{__(?:rate_interval|range)\}")
_INTERVAL: Final = re.compile(r"\$__interval\b|\$\{__interval\}")
_PART: Final = re.compile(r"(\d+)([smhdwy])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_ENOUGH: Final = "5m"
_DURATION: Final = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_ANY: Final = "___"
"""Stands for any text; tools/texts asks of no series whether it has that."""
_NUMBER: Final = re.compile(r"\$\{?__(?:interval|range)_m?s\b\}?")
_VARIABLE: Final = re.compile(r"\$\w+|\$\{[^}]*\}|\[\[[^\]]*\]\]")


def readings(environment: Environment, files: Files) -> Iterator[Reading]:
    """What the three read; a text that is not YAML is another rule's."""
    for (config, key), form in files.items():
        text = string_map(config.value.get("data")).get(key, "")
        if form != "notification" and text.strip() and not yaml_documents(text):
            continue
        yield Reading(LH204, config, ("data", key), form, text, f"a {key} that {_PROGRAMS[form]} refuses")
    for resource in environment.of_kind("PrometheusRule"):
        rules = json.dumps(mapping(resource.value.get("spec")), ensure_ascii=False)
        said = "rules that Prometheus refuses"
        yield Reading(LH204, resource, ("spec", "groups"), "rules", rules, said, first=None)
    least = _least_interval(environment)
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if key.endswith(".json") and '"expr"' in text:
                for title, expression, legend, place in _queries(text, least):
                    said = f"a query in {key} ({title}) that Prometheus refuses"
                    line = json_line(text, place)
                    yield Reading(LH204, config, ("data", key), "query", expression, said, line, legend)


def knowledge(environment: Environment, files: Files) -> dict[str, Any]:
    """The labels of series, as tools/texts takes them."""
    series = [
        {
            "names": one.names,
            "labels": None if one.labels is None else sorted(one.labels),
            "values": one.values,
            "jobs": one.jobs,
        }
        for one in series_of(environment)
    ]
    return {
        "common": _common(files),
        "series": series,
        "targets": _target_values(environment, files),
        "retention": _retention(environment),
    }


def _retention(environment: Environment) -> int:
    """How many seconds Prometheus keeps samples; 0 where that is not known."""
    kept: set[str] = set()
    for pod in environment.pods:
        for _, container, _ in pod.containers():
            if program_of(container)[0] == "prometheus":
                given = {name: value for _, name, value in flags_in(strings(container.get("args")))}
                kept.add(str(given.get("storage.tsdb.retention.time", "15d")))
    parts = _PART.findall(kept.pop()) if len(kept) == 1 else []
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def _configurations(files: Files) -> Iterator[Any]:
    for (config, key), form in files.items():
        if form == "prometheus":
            yield from yaml_documents(string_map(config.value.get("data")).get(key, ""))


def _target_values(environment: Environment, files: Files) -> dict[str, list[str]]:
    """The values of labels that relabelling takes from namespaces and from labels of pods, and nowhere else."""
    if environment.unreadable:
        return {}
    sources: dict[str, set[str]] = {}
    for job in (job for document in _configurations(files) for job in mappings(dig(document, "scrape_configs"))):
        for targets in mappings(job.get("static_configs")):
            for label in string_map(targets.get("labels")):
                sources.setdefault(label, set()).add("")
        for rule in mappings(job.get("relabel_configs")):
            names = strings(rule.get("source_labels"))
            is_copied = len(names) == 1 and {"regex", "replacement", "action"}.isdisjoint(rule)
            sources.setdefault(str(rule.get("target_label")), set()).add(names[0] if is_copied else "")
        for rule in mappings(job.get("metric_relabel_configs")):
            sources.setdefault(str(rule.get("target_label")), set()).add("")
    values: dict[str, list[str]] = {}
    for label, read in sources.items():
        if read == {_NAMESPACE}:
            values[label] = sorted({*environment.namespaces, *_OWN_NAMESPACES})
        elif len(read) == 1 and (match := _POD_LABEL.fullmatch(next(iter(read)))):
            found = {
                value
                for pod in environment.pods
                for name, value in pod.labels.items()
                if _NO_LABEL.sub("_", name) == match[1]
            }
            values |= {label: sorted(found)} if found else {}
    return values


def _common(files: Files) -> list[str] | None:
    """The labels that Prometheus adds; None where no configuration says so."""
    labels: set[str] = set()
    documents = list(_configurations(files))
    for document in documents:
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
    return sorted(labels | _ALWAYS) if documents else None


def files_of(environment: Environment) -> Files:
    """The files that Prometheus and Alertmanager read, by their use, their names or what they hold."""
    files: Files = {}
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if key.endswith((".yml", ".yaml", ".rules")) and (form := _form_of(key, text)):
                files[config, key] = form
    mounts = list(mounted_files(environment))
    read: dict[str, list[str]] = {"rules": [], "notification": []}
    for file in mounts:
        arguments = " ".join(strings(file.container.get("command")) + strings(file.container.get("args")))
        used = re.search(rf"--config\.file[= ]{re.escape(file.path)}(?:\s|$)", arguments)
        names = f"{file.container.get('image')} {file.container.get('name')}"
        program = re.search(r"(?:^|[/ ])(prometheus|alertmanager)(?=[:@ ]|$)", names)
        if used and program:
            files[file.config, file.key] = program[1]
        reads = _NAMED.get(files.get((file.config, file.key), ""))
        if reads:
            field, named = reads
            for document in yaml_documents(string_map(file.config.value.get("data")).get(file.key, "")):
                folder = posixpath.dirname(file.path)
                read[named] += [posixpath.join(folder, name) for name in strings(dig(document, field))]
    for file in mounts:
        for form, patterns in read.items():
            if any(path_match(pattern).fullmatch(file.path) for pattern in patterns):
                files[file.config, file.key] = form
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


def _least_interval(environment: Environment) -> str:
    """The least that `$__interval` is for data sources of Prometheus; enough for anything where they differ."""
    every = {
        str(dig(source, "jsonData", "timeInterval") or "")
        for _, source in data_sources(environment)
        if source.get("type") == "prometheus"
    }
    return (every.pop() if len(every) == 1 else "") or _ENOUGH


def _queries(text: str, least: str) -> Iterator[tuple[str, str, str, tuple[Step, ...]]]:
    """The title, the expression, the legend and the field of the queries to Prometheus that can be read alone."""
    value = json_value(text)
    for title, target, interval, source, path in _targets(value, "", least, "prometheus", ()):
        expression = without_variables(target["expr"], interval)
        if source == "prometheus" and expression is not None:
            yield title, expression, str(target.get("legendFormat") or ""), (*path, "expr")
    for name, asked, label, path in variable_queries(value):
        if (expression := without_variables(asked)) is not None:
            yield f"${name}", f"count by ({label}) ({expression})" if label else expression, "", path


def _targets(
    value: Any, title: str, interval: str, source: str, path: tuple[Step, ...]
) -> Iterator[tuple[str, dict[str, Any], str, str, tuple[Step, ...]]]:
    if isinstance(value, dict):
        title = str(value.get("title") or title)
        interval = str(value.get("interval") or interval).lstrip("<>")
        source = str(dig(value, "datasource", "type") or source)
        if str(value.get("expr") or "").strip():
            yield title, value, interval, source, path
        for key, item in value.items():
            yield from _targets(item, title, interval, source, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _targets(item, title, interval, source, (*path, index))


def without_variables(expression: str, interval: str = _ENOUGH) -> str | None:
    """A query with something in place of Grafana's variables; None where they may stand for any part of it.

    >>> without_variables('rate(up{job="$job"}[$__rate_interval])'), without_variables("topk($count, up)")
    ('rate(up{job="___"}[5m])', None)
    """
    interval = interval if _DURATION.fullmatch(interval) else _ENOUGH
    expression = _INTERVAL.sub(interval, _NUMBER.sub("300", _TIME.sub(_ENOUGH, expression)))
    expression = _TEXT.sub(lambda match: _VARIABLE.sub(_ANY, match[0]), expression)
    return None if _VARIABLE.search(expression) else expression
