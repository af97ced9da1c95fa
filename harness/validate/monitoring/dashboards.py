"""Grafana's dashboards: what they refer to exists, no two replace each other, and every panel can be shown."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.monitoring.columns import columns, unnamed
from harness.validate.monitoring.configuration import without_variables
from harness.validate.monitoring.grafana import (
    DURATION,
    Dashboard,
    File,
    dashboards,
    data_sources,
    files,
    provisioned,
    targets,
)
from harness.validate.monitoring.links import unknown_links
from harness.validate.monitoring.panels import color_problem, is_backwards, is_time, is_zone, problems_of
from harness.validate.monitoring.variables import variable_problems
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import json_line, json_value
from harness.validate.texts.readers import Reading

LH318: Final = ValidationRule(
    "LH318",
    "A dashboard's id and title, its variables, and the ids of its panels and queries, are unique",
    "Grafana keeps one of them, or refuses to provision both.",
)
LH319: Final = ValidationRule(
    "LH319",
    "A dashboard's variables, data sources, panels, columns and the dashboards that it links to exist",
    "The panel shows an error instead of data.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)
LH320: Final = ValidationRule(
    "LH320",
    "Grafana can show a dashboard and each of its panels",
    "It refuses the dashboard, or the panel stays empty.",
    engine="Grafana's schema",
)

_VARIABLE: Final = re.compile(r"\$([a-zA-Z_]\w*)|\$\{([a-zA-Z_]\w*)[^}]*\}|\[\[([a-zA-Z_]\w*)[^\]]*\]\]")
_REPLACED: Final = re.compile(r"label_replace\b")
_BUILT_IN: Final = frozenset({"grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --", "default"})
_GLOBALS: Final = frozenset({"timeFilter", "interval"})
_UID: Final = re.compile(r"[a-zA-Z0-9_-]{0,40}")
_WIDTH: Final = 24
_WITHOUT_DATA: Final = frozenset(
    {"alertlist", "annolist", "dashlist", "gettingstarted", "live", "news", "row", "text", "welcome"}
)
_PANELS: Final = _WITHOUT_DATA | {
    *("barchart", "bargauge", "candlestick", "canvas", "datagrid", "debug", "flamegraph", "gauge", "geomap"),
    *("graph", "heatmap", "histogram", "logs", "logstable", "nodeGraph", "piechart", "singlestat", "stat"),
    *("state-timeline", "status-history", "table", "table-old", "timeseries", "traces", "trend", "xychart"),
}
"""The types of panels that come with Grafana, with the old ones that it converts."""
_VARIABLES: Final = frozenset(
    {"adhoc", "constant", "custom", "datasource", "groupby", "interval", "query", "snapshot", "switch"}
    | {"system", "textbox"}
)
_KEYS: Final = {
    "dashboard": frozenset({"annotations", "panels", "refresh", "templating", "time", "timezone", "title", "uid"}),
    "panel": frozenset({"datasource", "fieldConfig", "gridPos", "options", "targets", "title", "transformations"}),
    "query": frozenset({"datasource", "expr", "format", "legendFormat", "refId"}),
}
"""What is missed where it is misspelt."""


def readings(environment: Environment) -> Iterator[Reading]:
    for one in dashboards(environment):
        said = f"a dashboard {one.key} that Grafana cannot show"
        yield Reading(LH320, one.config, ("data", one.key), "dashboard", one.text, said)
        for path, panel in one.panels:
            for expression, name, inner in columns(panel):
                if (asked := without_variables(expression)) is not None:
                    said, line = f"a {_title(panel)} in {one.key}", json_line(one.text, (*path, *inner))
                    yield Reading(LH319, one.config, ("data", one.key), "column", asked, said, line, name)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds dashboards that replace each other, references in them that lead nowhere, and panels without data."""
    every = list(dashboards(environment))
    provisioned = data_sources(environment)
    sources = [source for _, source in provisioned]
    has_default = any(str(source.get("isDefault")).lower() in ("true", "1") for source in sources)
    plugins = _plugins(environment)
    yield from _twice(every)
    yield from _no_dashboards(environment, every)
    for one in every:
        yield from _unshown_whole(one)
        yield from _unshown(one, plugins, is_provisioned=bool(provisioned))
        yield from _references(one, has_default=has_default or not sources)
        for path, said in unknown_links(one, every) if one.paths else ():
            yield _violation(LH319, one, said, path)
    if provisioned:
        names = {str(source[field]) for source in sources for field in ("name", "uid") if source.get(field)}
        yield from _unknown_sources(every, names, provisioned[0][0])
        yield from _of_another_type(every, sources)


def _violation(rule: ValidationRule, one: Dashboard, said: str, path: FieldPath) -> Violation:
    return one.violation(rule, "a dashboard", said, path)


def _no_dashboards(environment: Environment, every: list[Dashboard]) -> Iterator[Violation]:
    """Files in the folders that Grafana reads dashboards from, and that are none."""
    read, known = list(files(environment)), {(one.config.key, one.key) for one in every}
    providers = [
        one
        for file in read
        for document in provisioned(file, "providers")
        for one in mappings(document.get("providers"))
    ]
    folders = [f"{str(dig(one, 'options', 'path')).rstrip('/')}/" for one in providers]
    for file in read:
        is_read = any(path.startswith(folder) for path in file.paths for folder in folders)
        if is_read and file.key.endswith(".json") and (file.config.key, file.key) not in known:
            value = json_value(file.text)
            if isinstance(value, dict) and not value.get("title") and "spec" not in value:
                instead = ": it is below its field dashboard" if isinstance(value.get("dashboard"), dict) else ""
                yield file.violation(LH320, "a file", f"is no dashboard with a title{instead}", ())


def _twice(every: list[Dashboard]) -> Iterator[Violation]:
    owners: dict[tuple[str, str, str], Dashboard] = {}
    for one in every:
        folders = {posixpath.dirname(path) for path in one.paths} or {""}
        uid, title = str(one.value.get("uid") or ""), str(one.value.get("title") or "")
        for field, text, places in (("uid", uid, {""}), ("title", title, folders)):
            others = [owners.setdefault((field, text, place), one) for place in sorted(places)]
            other = next((other for other in others if other is not one), None)
            if text and other:
                yield _violation(
                    LH318, one, f"has the {field} {text}, as {other.key} of {other.config} has", (field,)
                )
                break
        declared: set[str] = set()
        for path, variable in one.variables:
            if (name := str(variable.get("name"))) in declared:
                yield _violation(LH318, one, f"declares ${name} twice", (*path, "name"))
            declared.add(name)
        paths: dict[Any, list[FieldPath]] = {}
        for path, panel in one.panels:
            if panel.get("id") is not None:
                paths.setdefault(str(panel["id"]), []).append((*path, "id"))
            names: set[str] = set()
            for inner, target in targets(panel):
                if (name := str(target.get("refId") or "")) in names:
                    said = f"has two queries {name} in {_title(panel)}"
                    yield _violation(LH318, one, said, (*path, *inner, "refId"))
                names |= {name} - {""}
        for number, (_, *again) in paths.items():
            if again:
                yield _violation(LH318, one, f"has two panels with the id {number}", again[0])


def _unshown_whole(one: Dashboard) -> Iterator[Violation]:
    if not str(one.value.get("title") or "").strip():
        yield _violation(LH320, one, "has no title", ())
    if not _UID.fullmatch(str(one.value.get("uid") or "")):
        yield _violation(LH320, one, "has a uid that is not of 1 to 40 letters, digits, _ and -", ("uid",))
    yield from _misspelt(one, "dashboard", one.value, (), "")
    refresh = one.value.get("refresh")
    if isinstance(refresh, str) and refresh not in ("", "auto") and not DURATION.fullmatch(refresh):
        yield _violation(LH320, one, "sets refresh, which has to be a duration such as 30s", ("refresh",))
    for end in ("from", "to"):
        if not is_time(text := str(dig(one.value, "time", end) or "now")):
            said = f"shows the time {end} {text}, which has to be such as now-24h"
            yield _violation(LH320, one, said, ("time", end))
    start, end = (
        str(dig(one.value, "time", name) or default) for name, default in (("from", "now-6h"), ("to", "now"))
    )
    if is_backwards(start, end):
        yield _violation(LH320, one, f"shows the time from {start} to {end}, which is none", ("time", "from"))
    zone = one.value.get("timezone")
    if isinstance(zone, str) and zone not in ("", "browser") and not is_zone(zone):
        yield _violation(LH320, one, f"shows times of the zone {zone}, which does not exist", ("timezone",))
    for path, said in variable_problems(one):
        yield _violation(LH320, one, said, path)
    for path, item in one.annotations:
        color = str(item.get("iconColor") or "")
        if said := color_problem(color):
            said = f"sets iconColor to {color} in {_described(path, item)}, {said}"
            yield _violation(LH320, one, said, (*path, "iconColor"))
    for index, link in enumerate(mappings(one.value.get("links"))):
        if link.get("type") not in (None, "", "dashboards", "link"):
            said = f"has a link '{link.get('title')}' of a type that is neither dashboards nor link"
            yield _violation(LH320, one, said, ("links", index, "type"))
    yield from _overlapping(one)
    for path, variable in one.variables:
        kind = str(variable.get("type"))
        if kind not in _VARIABLES:
            close = closest(kind, _VARIABLES)
            said = f"declares ${variable.get('name')} of an unknown type{f': use {close}' if close else ''}"
            yield _violation(LH320, one, said, (*path, "type"))


def _unshown(one: Dashboard, plugins: str, *, is_provisioned: bool) -> Iterator[Violation]:
    for path, panel in one.panels:
        kind, queries = str(panel.get("type") or ""), targets(panel)
        if kind not in _PANELS and not panel.get("libraryPanel") and (not kind or kind not in plugins):
            close = closest(kind, _PANELS)
            instead = f"use {close}" if close else "no plugin of that name is installed"
            said = f"has a {_title(panel)} of the unknown type {kind}: {instead}"
            # Which plugins are installed is only known of a Grafana that is there and reads it.
            if close or not kind or one.paths or is_provisioned:
                yield _violation(LH320, one, said, (*path, "type"))
        yield from _beyond_the_edge(one, path, panel)
        for field, said, why in problems_of(one.text, path):
            yield _violation(LH320, one, f"{said} in {_title(panel)}, {why}", (*path, *field))
        yield from _durations(one, path, panel)
        misspelt = list(_misspelt(one, "panel", panel, path, f" in {_title(panel)}"))
        yield from misspelt
        if not queries and not misspelt and kind in _PANELS - _WITHOUT_DATA and not panel.get("libraryPanel"):
            yield _violation(LH320, one, f"has a {_title(panel)} without a query", path)
        for name, inner in unnamed(panel):
            said = f"overrides {name} in {_title(panel)}, which none of its queries is called"
            yield _violation(LH320, one, said, (*path, *inner))
        for inner, target in queries:
            place = (*path, *inner)
            misspelt = list(_misspelt(one, "query", target, place, f" in {_title(panel)}"))
            yield from misspelt
            kinds = [
                item.get("datasource", {}) for item in (target, panel) if isinstance(item.get("datasource"), dict)
            ]
            is_query = kind not in _WITHOUT_DATA and kinds and kinds[0].get("type") == "prometheus"
            if is_query and not misspelt and not str(target.get("expr") or "").strip():
                yield _violation(LH320, one, f"has a query without an expression in {_title(panel)}", place)


def _overlapping(one: Dashboard) -> Iterator[Violation]:
    placed: list[tuple[dict[str, Any], tuple[int, int, int, int]]] = []
    for path, panel in one.panels:
        sides = [dig(panel, "gridPos", name) for name in "xywh"]
        if len(path) > 2 or not all(isinstance(side, int) for side in sides):
            continue
        x, y, width, height = sides
        for other, (left, top, right, bottom) in placed:
            if x < right and left < x + width and y < bottom and top < y + height:
                said = f"has a {_title(panel)} in the place of {_title(other)}"
                yield _violation(LH320, one, said, (*path, "gridPos"))
                break
        placed.append((panel, (x, y, x + width, y + height)))


def _beyond_the_edge(one: Dashboard, path: FieldPath, panel: dict[str, Any]) -> Iterator[Violation]:
    position = panel.get("gridPos")
    if isinstance(position, dict):
        x, width = position.get("x"), position.get("w")
        # A width of its own that is too large is found by the schema.
        if isinstance(x, int) and isinstance(width, int) and width <= _WIDTH > x and x + width > _WIDTH:
            said = f"has a {_title(panel)} that ends at column {x + width} of {_WIDTH}"
            yield _violation(LH320, one, said, (*path, "gridPos"))


def _durations(one: Dashboard, path: FieldPath, panel: dict[str, Any]) -> Iterator[Violation]:
    items = [((*path, name), panel.get(name)) for name in ("interval", "timeFrom", "timeShift")]
    items += [((*path, *inner, "interval"), target.get("interval")) for inner, target in targets(panel)]
    for place, value in items:
        if value and "$" not in str(value) and not DURATION.fullmatch(str(value)):
            said = f"sets {place[-1]} in {_title(panel)}, which has to be a duration such as 30s"
            yield _violation(LH320, one, said, place)


def _misspelt(one: Dashboard, what: str, value: dict[str, Any], path: FieldPath, where: str) -> Iterator[Violation]:
    for key in sorted(value.keys() - _KEYS[what] - {"id"}):
        if close := closest(key, _KEYS[what] - value.keys(), 0.75):
            yield _violation(LH320, one, f"sets {key}{where}, which Grafana ignores: use {close}", (*path, key))


def _references(one: Dashboard, *, has_default: bool) -> Iterator[Violation]:
    declared = {str(variable.get("name")) for _, variable in one.variables}
    for path, item in (*one.variables, *one.annotations):
        yield from _undeclared(one, [(path, item.get("query"))], declared, _described(path, item))
    links = [(("links", index), link) for index, link in enumerate(mappings(one.value.get("links")))]
    for path, link in links:
        yield from _undeclared(one, [(path, link)], declared, f"link '{link.get('title')}'")
    for path, panel in one.panels:
        queries = [((*path, *inner), target) for inner, target in targets(panel)]
        texts = [((*path, field), panel.get(field)) for field in ("title", "datasource", "links", "fieldConfig")]
        yield from _undeclared(one, [*texts, *queries], declared, _title(panel))
        repeated = panel.get("repeat")
        if isinstance(repeated, str) and repeated and repeated not in declared:
            said = f"repeats {_title(panel)} by ${repeated}, which it does not declare"
            yield _violation(LH319, one, said, (*path, "repeat"))
        if not has_default and not _source(panel) and any(not _source(target) for _, target in queries):
            yield _violation(LH319, one, f"names no data source in {_title(panel)}, and none is the default", path)
        ids = {other.get("id") for _, other in one.panels}
        for place, target in queries:
            shared = target.get("panelId")
            if shared is not None and shared not in ids:
                said = f"shows the results of panel {shared} in {_title(panel)}, which it does not have"
                yield _violation(LH319, one, said, (*place, "panelId"))


def _undeclared(
    one: Dashboard, values: list[tuple[FieldPath, Any]], declared: set[str], where: str
) -> Iterator[Violation]:
    told: set[str] = set()
    for path, text in (item for place, value in values for item in _texts(value, place)):
        if _REPLACED.search(text):
            continue
        for name in sorted({"".join(groups) for groups in _VARIABLE.findall(text)} - declared - _GLOBALS - told):
            if not name.startswith("__"):
                told.add(name)
                yield _violation(LH319, one, f"uses ${name} in {where}, which it does not declare", path)


def _unknown_sources(every: list[Dashboard], names: set[str], file: File) -> Iterator[Violation]:
    """One for each dashboard; where several read the same, what provisions data sources is to blame."""
    unknown: dict[str, dict[Dashboard, list[tuple[FieldPath, str]]]] = {}
    for one in every:
        for path, name, where in _sources_read(one):
            if name not in names | _BUILT_IN and not _VARIABLE.match(name):
                unknown.setdefault(name, {}).setdefault(one, []).append((path, where))
    for name, readers in unknown.items():
        if len(readers) > 1:
            said = f"lacks the data source {name}, which {next(iter(readers)).key} and {len(readers) - 1} more read"
            yield file.violation(LH319, "a provisioning file", said, ("datasources", 0, "uid"))
            continue
        for one, places in readers.items():
            path, where = places[0]
            others = len({where for _, where in places}) - 1
            said = f"reads data source {name} in {where}{f' and {others} more' if others else ''}"
            yield _violation(LH319, one, f"{said}, which nothing provisions", path)


def _of_another_type(every: list[Dashboard], sources: list[dict[str, Any]]) -> Iterator[Violation]:
    types = {
        str(source[field]): source.get("type")
        for source in sources
        for field in ("name", "uid")
        if source.get(field)
    }
    for one in every:
        for path, name, where in _sources_read(one):
            read = dig(one.value, *path, "type")
            if read and types.get(name, read) != read:
                said = f"reads data source {name} in {where} as {read}, which is {types[name]}"
                yield _violation(LH319, one, said, (*path, "type"))
                break


def _sources_read(one: Dashboard) -> Iterator[tuple[FieldPath, str, str]]:
    """The field, the name and the reader of each data source."""
    readers = [(path, item, _described(path, item)) for path, item in (*one.variables, *one.annotations)]
    for path, panel in one.panels:
        readers.append((path, panel, _title(panel)))
        readers += [((*path, *inner), target, _title(panel)) for inner, target in targets(panel)]
    for path, item, where in readers:
        if name := _source(item):
            yield (*path, "datasource"), name, where


def _described(path: FieldPath, item: dict[str, Any]) -> str:
    return f"variable ${item.get('name')}" if path[0] == "templating" else f"annotation '{item.get('name')}'"


def _title(panel: dict[str, Any]) -> str:
    return f"panel '{panel.get('title')}'"


def _source(item: dict[str, Any]) -> str:
    value = item.get("datasource")
    name = value.get("uid") if isinstance(value, dict) else value
    return str(name or "")


def _plugins(environment: Environment) -> str:
    """The texts that name the plugins to install."""
    return " ".join(
        str(variable.get("value") or "")
        for pod in environment.pods
        for _, container, _ in pod.containers()
        for variable in container.get("env") or ()
        if isinstance(variable, dict) and "PLUGINS" in str(variable.get("name"))
    )


def _texts(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
