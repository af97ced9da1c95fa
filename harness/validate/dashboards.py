"""Grafana's dashboards: what they refer to exists, and no two replace each other."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import dig, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.parsed import json_value, yaml_documents
from harness.validate.rule import ValidationRule

LH318: Final = ValidationRule(
    "LH318", "A dashboard's and a panel's id is unique", "Grafana keeps one of them, or refuses to provision both."
)
LH319: Final = ValidationRule(
    "LH319",
    "A dashboard's variables, data sources and panels exist",
    "The panel shows an error instead of data.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

_VARIABLE: Final = re.compile(r"\$([a-zA-Z_]\w*)|\$\{([a-zA-Z_]\w*)[^}]*\}|\[\[([a-zA-Z_]\w*)[^\]]*\]\]")
_REPLACED: Final = re.compile(r"label_replace\b")
_BUILT_IN: Final = frozenset({"grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --", "default"})
_GLOBALS: Final = frozenset({"timeFilter", "interval"})


def check(environment: Environment) -> Iterator[Violation]:
    """Finds dashboards that replace each other, and references in them that lead nowhere."""
    sources = set(_sources(environment))
    owners: dict[str, str] = {}
    for config, key, dashboard in _dashboards(environment):
        uid = str(dashboard.get("uid") or "")
        other = owners.setdefault(uid, f"{key} of {config}")
        if uid and other != f"{key} of {config}":
            yield _violation(LH318, config, key, f"has the uid {uid}, as {other} has", f'"{uid}"')
        panels = list(_panels(dashboard))
        counts = Counter(panel.get("id") for panel in panels if panel.get("id") is not None)
        for number in (number for number, count in counts.items() if count > 1):
            yield _violation(LH318, config, key, f"has two panels with the id {number}", f'"id": {number}')
        yield from _references(config, key, dashboard, panels, sources)


def _references(
    config: BuiltResource, key: str, dashboard: dict[str, Any], panels: list[dict[str, Any]], sources: set[str]
) -> Iterator[Violation]:
    variables = {str(variable.get("name")) for variable in mappings(dig(dashboard, "templating", "list"))}
    for panel in panels:
        title = f"panel '{panel.get('title')}'"
        targets = mappings(panel.get("targets"))
        for text in dict.fromkeys(text for item in (panel.get("title"), *targets) for text in _texts(item)):
            for name in sorted({"".join(groups) for groups in _VARIABLE.findall(text)} - variables - _GLOBALS):
                if not name.startswith("__") and not _REPLACED.search(text):
                    yield _violation(
                        LH319, config, key, f"uses ${name} in {title}, which it does not declare", name
                    )
        named = [_source(item.get("datasource")) for item in (panel, *targets)]
        for name in dict.fromkeys(named):
            if sources and name and name not in sources | _BUILT_IN and not _VARIABLE.match(name):
                yield _violation(
                    LH319,
                    config,
                    key,
                    f"reads data source {name} in {title}, which nothing provisions",
                    f'"{name}"',
                )
        ids = {other.get("id") for other in panels}
        for target in targets:
            shared = target.get("panelId")
            if shared is not None and shared not in ids:
                said = f"shows the results of panel {shared} in {title}, which it does not have"
                yield _violation(LH319, config, key, said, f'"panelId": {shared}')


def _violation(rule: ValidationRule, config: BuiltResource, key: str, said: str, mark: str) -> Violation:
    text = string_map(config.value.get("data"))[key]
    line = text.count("\n", 0, max(text.rfind(mark), 0)) + 1
    return Violation(rule, f"{config} has a dashboard {key} that {said}.", config, ("data", key), line)


def _dashboards(environment: Environment) -> Iterator[tuple[BuiltResource, str, dict[str, Any]]]:
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if key.endswith(".json") and '"panels"' in text:
                dashboard = json_value(text)
                if isinstance(dashboard, dict) and isinstance(dashboard.get("panels"), list):
                    yield config, key, dashboard


def _panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels, with those of folded rows."""
    for panel in mappings(dashboard.get("panels")):
        yield panel
        yield from mappings(panel.get("panels"))


def _source(value: Any) -> str:
    name = value.get("uid") if isinstance(value, dict) else value
    return str(name or "")


def _sources(environment: Environment) -> Iterator[str]:
    """The names and uids of the data sources that are provisioned."""
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if not key.endswith((".yaml", ".yml")) or "datasources:" not in text:
                continue
            for document in yaml_documents(text):
                for source in mappings(dig(document, "datasources")):
                    yield from (str(source[name]) for name in ("name", "uid") if source.get(name))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
