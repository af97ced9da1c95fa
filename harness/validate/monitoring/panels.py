"""Names in a dashboard's panels that Grafana takes and does not understand: it shows another thing, or nothing."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath, Step

_REDUCERS: Final = frozenset(
    {"lastNotNull", "last", "firstNotNull", "first", "min", "max", "mean", "median", "sum", "count", "range"}
    | {"delta", "step", "diff", "diffperc", "allIsZero", "allIsNull", "allValues", "uniqueValues", "variance"}
    | {"stdDev", "changeCount", "distinctCount", "countAll", "logmin", "previousDeltaValue"}
)
_KNOWN: Final[dict[tuple[str, ...], frozenset[str]]] = {
    ("transformations", "*", "id"): frozenset(
        {"append", "calculateField", "concatenate", "configFromData", "convertFieldType", "ensureColumns"}
        | {"extractFields", "fieldLookup", "filterByRefId", "filterByValue", "filterFields", "filterFieldsByName"}
        | {"filterFrames", "formatString", "formatTime", "groupBy", "groupToNestedTable", "groupingToMatrix"}
        | {"heatmap", "histogram", "joinByField", "joinByLabels", "labelsToFields", "limit", "merge", "noop"}
        | {"order", "organize", "partitionByValues", "prepareTimeSeries", "reduce", "regression", "renameByRegex"}
        | {"rowsToFields", "seriesToColumns", "seriesToRows", "smoothing", "sortBy", "spatial", "timeSeriesTable"}
        | {"transpose"}
    ),
    ("options", "reduceOptions", "calcs", "*"): _REDUCERS,
    ("options", "legend", "calcs", "*"): _REDUCERS,
    ("options", "legend", "displayMode"): frozenset({"list", "table", "hidden"}),
    ("options", "legend", "placement"): frozenset({"bottom", "right"}),
    ("fieldConfig", "defaults", "thresholds", "mode"): frozenset({"absolute", "percentage"}),
    ("fieldConfig", "overrides", "*", "matcher", "id"): frozenset(
        {"byName", "byNames", "byRegexp", "byRegexpOrNames", "byType", "byTypes", "byFrameRefID", "byValue"}
        | {"numeric", "time", "first", "firstTimeField", "anyMatch", "allMatch", "invertMatch", "always", "never"}
    ),
    ("fieldConfig", "defaults", "unit"): frozenset(
        {"none", "string", "short", "percent", "percentunit", "bool", "bool_yes_no", "bool_on_off", "locale"}
        | {"bytes", "bits", "decbytes", "decbits", "kbytes", "mbytes", "gbytes", "binBps", "binbps", "Bps", "bps"}
        | {"cps", "ops", "reqps", "rps", "wps", "iops", "cpm", "opm", "rpm", "hertz", "celsius", "watt", "volt"}
        | {"ns", "µs", "ms", "s", "m", "h", "d", "dtdurationms", "dtdurations", "dthms", "dtdhms", "clockms"}
        | {"clocks", "timeticks", "dateTimeAsIso", "dateTimeAsUS", "dateTimeAsLocal", "dateTimeFromNow"}
        | {"dateTimeAsSystem", "dateTimeAsIsoNoDateIfToday", "dateTimeAsUSNoDateIfToday"}
    ),
    ("targets", "*", "format"): frozenset({"table", "time_series", "heatmap", "logs"}),
}
"""By field of a panel: the names that Grafana has; plugins and later versions may have more."""
_LEAST: Final = 4
"""Letters of a name that may be misspelt."""
_SIMILAR: Final = 0.8
_TIME: Final = re.compile(
    r"now(?:[-+]\d+[smhdwMyQ]|/f?[smhdwMyQ])*|\d{10,13}|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[-+]\d\d:?\d\d)?)?"
)


def misspelt(panel: dict[str, Any]) -> Iterator[tuple[FieldPath, str, str]]:
    """The names that Grafana does not have and one that it has resembles: (field, name, that one).

    >>> list(misspelt({"transformations": [{"id": "organise"}]}))
    [(('transformations', 0, 'id'), 'organise', 'organize')]
    """
    for field, known in _KNOWN.items():
        for path, name in _values(panel, field):
            if name not in known and len(name) >= _LEAST and (close := closest(name, known, _SIMILAR)):
                yield path, name, close


def _values(value: Any, field: tuple[str, ...], path: FieldPath = ()) -> Iterator[tuple[FieldPath, str]]:
    if not field:
        if isinstance(value, str):
            yield path, value
        return
    steps: list[Step] = []
    if field[0] == "*" and isinstance(value, list):
        steps = list(range(len(value)))
    elif isinstance(value, dict) and field[0] in value:
        steps = [field[0]]
    for step in steps:
        yield from _values(value[step], field[1:], (*path, step))


def is_time(text: str) -> bool:
    """Whether Grafana can read one end of a dashboard's time.

    >>> is_time("now-7d/d"), is_time("now-24hours")
    (True, False)
    """
    return "$" in text or _TIME.fullmatch(text) is not None
