"""Names in a dashboard's panels that Grafana takes and does not understand: it shows another thing, or nothing.

`panels.json`, beside this file, has the fields of each type of panel, the values that they take, and the units, as
Grafana's schema declares them; a test compares it with that.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mapping, mappings
from harness.validate.texts.parsed import json_value

FILE: Final = Path(__file__).with_name("panels.json")
_REDUCERS: Final = frozenset(
    {"lastNotNull", "last", "firstNotNull", "first", "min", "max", "mean", "median", "sum", "count", "range"}
    | {"delta", "step", "diff", "diffperc", "allIsZero", "allIsNull", "allValues", "uniqueValues", "variance"}
    | {"stdDev", "changeCount", "distinctCount", "countAll", "logmin", "previousDeltaValue"}
)
_OPEN: Final[dict[str, frozenset[str]]] = {
    "transformations.*.id": frozenset(
        {"append", "calculateField", "concatenate", "configFromData", "convertFieldType", "ensureColumns"}
        | {"extractFields", "fieldLookup", "filterByRefId", "filterByValue", "filterFields", "filterFieldsByName"}
        | {"filterFrames", "formatString", "formatTime", "groupBy", "groupToNestedTable", "groupingToMatrix"}
        | {"heatmap", "histogram", "joinByField", "joinByLabels", "labelsToFields", "limit", "merge", "noop"}
        | {"order", "organize", "partitionByValues", "prepareTimeSeries", "reduce", "regression", "renameByRegex"}
        | {"rowsToFields", "seriesToColumns", "seriesToRows", "smoothing", "sortBy", "spatial", "timeSeriesTable"}
        | {"transpose"}
    ),
    "options.reduceOptions.calcs.*": _REDUCERS,
    "options.legend.calcs.*": _REDUCERS,
    "fieldConfig.overrides.*.matcher.id": frozenset(
        {"byName", "byNames", "byRegexp", "byRegexpOrNames", "byType", "byTypes", "byFrameRefID", "byValue"}
        | {"numeric", "time", "first", "firstTimeField", "anyMatch", "allMatch", "invertMatch", "always", "never"}
    ),
    "targets.*.format": frozenset({"table", "time_series", "heatmap", "logs"}),
    "repeatDirection": frozenset({"h", "v"}),
}
"""By field of a panel: the names that Grafana has; plugins and later versions may have more."""
_CUSTOM: Final = ("fieldConfig", "defaults", "custom")
_FREE: Final = frozenset({"datasource", "description", "expr", "gridPos", "legendFormat", "panels", "title", "url"})
"""Fields of any text, and those that are read by themselves."""
_UNIT: Final = "fieldConfig.defaults.unit"
_COLORS: Final = re.compile(r"(?:^|\.)(?:fixedColor|color)$")
_HUES: Final = ("red", "orange", "yellow", "green", "blue", "purple")
_PALETTE: Final = frozenset(
    {f"{shade}{hue}" for hue in _HUES for shade in ("super-light-", "light-", "", "semi-dark-", "dark-")}
) | {"transparent", "text", "panel-bg", "black", "white"}
_HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_CSS: Final = re.compile(r"[a-z]*(?:red|orange|yellow|green|blue|purple|violet)[a-z]*|\w+\(.*\)")
"""Colours that browsers know, such as limegreen."""
_SIMILAR_COLOR: Final = 0.7
_AS_OBJECTS: Final = 36
"""The first version of the schema that Grafana reads without converting a dashboard."""
_LEAST: Final = 4
"""Letters of a name that may be misspelt."""
_SIMILAR: Final = 0.8
_KEY: Final = 0.85
_TIME: Final = re.compile(
    r"now(?:[-+]\d+[smhdwMyQ]|/f?[smhdwMyQ])*|\d{10,13}|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[-+]\d\d:?\d\d)?)?"
)
_BACK: Final = re.compile(r"now-(\d+)([smhdwMy])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}

Problem = tuple[FieldPath, str, str]
"""A field of a panel, what is wrong with it, and why: `sets unit to x` and `which Grafana does not know`."""


class Kind(NamedTuple):
    """What panels of a type take: values by field, names of fields by where they are, what overrides may set."""

    values: dict[str, list[str]]
    fields: dict[FieldPath, frozenset[str]]
    properties: frozenset[str]


@lru_cache(maxsize=1_000)
def problems_of(text: str, path: FieldPath) -> tuple[Problem, ...]:
    """What Grafana does not know in a panel of a dashboard that is JSON."""
    dashboard = json_value(text)
    version = dashboard.get("schemaVersion")
    return tuple(misspelt(dig(dashboard, *path), is_current=isinstance(version, int) and version >= _AS_OBJECTS))


def misspelt(panel: dict[str, Any], *, is_current: bool = False) -> Iterator[Problem]:
    """What Grafana does not have, in a panel; of an old dashboard, only what resembles something.

    >>> list(misspelt({"transformations": [{"id": "organise"}]}))
    [(('transformations', 0, 'id'), 'sets id to organise', 'which Grafana does not know: use organize')]
    """
    kind = _kind(str(panel.get("type")))
    choices = kind.values
    for path, field, name in _texts(panel):
        if not name or "$" in name:
            continue
        if field in choices:
            if name not in choices[field]:
                close = closest(name, choices[field], 0.6)
                if close or is_current:
                    yield path, *_unknown(path, name, close, choices[field])
        elif known := _OPEN.get(field):
            if name not in known and (close := closest(name, known, _SIMILAR)) and len(name) >= _LEAST:
                yield path, *_unknown(path, name, close, known)
        elif field == _UNIT:
            is_own = ":" in name or len(name) < _LEAST or name in schema()["units"]
            if not is_own and (close := closest(name, schema()["units"], _SIMILAR)):
                yield path, *_unknown(path, name, close, ())
        elif _COLORS.search(field) and (said := color_problem(name)):
            yield path, f"sets {path[-1]} to {name}", said
    yield from _keys(panel, kind)
    yield from _steps(panel)


def _unknown(path: FieldPath, name: str, close: str, known: Iterable[str]) -> tuple[str, str]:
    field = path[-1] if isinstance(path[-1], str) else path[-2]
    return f"sets {field} to {name}", f"which Grafana does not know: use {close or ' or '.join(sorted(known))}"


def color_problem(name: str) -> str:
    """Why Grafana does not know a colour, as the end of a sentence; empty for one that it may know.

    >>> color_problem("gren"), color_problem("#1f60c4")
    ('which Grafana does not know: use green', '')
    """
    if name.startswith("#"):
        return "" if _HEX.fullmatch(name) else "which has to be such as #1f60c4"
    if name in _PALETTE or _CSS.fullmatch(name):
        return ""
    close = closest(name, _PALETTE, _SIMILAR_COLOR)
    return f"which Grafana does not know: use {close}" if close else ""


def _texts(value: Any, path: FieldPath = (), field: str = "") -> Iterator[tuple[FieldPath, str, str]]:
    """The texts of a panel, with their fields as the schema names them: an override's as what it overrides."""
    if isinstance(value, str):
        yield path, field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "value" and field == "fieldConfig.overrides.*.properties.*":
                yield from _texts(item, (*path, key), f"fieldConfig.defaults.{value.get('id')}")
            elif key not in _FREE:
                yield from _texts(item, (*path, key), f"{field}.{key}" if field else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index), f"{field}.*")


def _keys(panel: dict[str, Any], kind: Kind) -> Iterator[Problem]:
    """Fields, and properties of overrides, that resemble one of the schema."""
    for path, known in kind.fields.items():
        for key in mapping(dig(panel, *path)).keys() - known:
            if close := closest(key, known, _KEY):
                yield (*path, key), f"sets {key}", f"which Grafana ignores: use {close}"
    for index, override in enumerate(mappings(dig(panel, "fieldConfig", "overrides"))):
        for number, one in enumerate(mappings(override.get("properties"))):
            name = ".".join(str(one.get("id")).split(".")[:2])
            is_known = name in kind.properties or (name.startswith("custom.") and _CUSTOM not in kind.fields)
            if not is_known and (close := closest(name, kind.properties, 0.7)):
                place: FieldPath = ("fieldConfig", "overrides", index, "properties", number, "id")
                yield place, f"overrides {name}", f"which Grafana does not know: use {close}"


def _steps(panel: dict[str, Any]) -> Iterator[Problem]:
    path: FieldPath = ("fieldConfig", "defaults", "thresholds", "steps")
    values = [step.get("value") for step in mappings(dig(panel, *path))]
    numbers = [value for value in values if isinstance(value, int | float)]
    for index, value in enumerate(values):
        if isinstance(value, int | float) and any(other > value for other in numbers[: numbers.index(value)]):
            yield (*path, index, "value"), f"sets the threshold {value}", "which comes after a greater one"
            return


@cache
def _kind(name: str) -> Kind:
    own = schema()["panels"].get(name, {})
    fields = {tuple(path.split(".")): frozenset(names) for path, names in own.get("fields", {}).items()}
    defaults, custom = frozenset(schema()["properties"]), fields.get(_CUSTOM, frozenset())
    properties = defaults | {f"custom.{field}" for field in custom}
    return Kind(schema()["values"] | own.get("values", {}), {**fields, _CUSTOM[:2]: defaults}, properties)


@cache
def schema() -> dict[str, Any]:
    """The fields and values of panels."""
    known: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return known


def is_time(text: str) -> bool:
    """Whether Grafana can read one end of a dashboard's time.

    >>> is_time("now-7d/d"), is_time("now-24hours")
    (True, False)
    """
    return "$" in text or _TIME.fullmatch(text) is not None


def is_backwards(start: str, end: str) -> bool:
    """Whether a dashboard's time ends before it starts, where that can be said.

    >>> is_backwards("now-1h", "now-1d"), is_backwards("now-1d", "now"), is_backwards("now", "now-1h")
    (True, False, True)
    """
    ends = []
    for text in (start, end):
        match = _BACK.fullmatch(text)
        if match is None and text != "now":
            return False
        ends.append(int(match[1]) * _SECONDS[match[2]] if match else 0)
    return ends[0] < ends[1]


@cache
def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    if name == "utc":
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
