"""Grafana's provisioning files: data sources, and the folders that dashboards come from."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mapping, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.monitoring.grafana import DURATION, File, dashboards, files, provisioned
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import MountedFile, mounted_files
from harness.validate.texts.parsed import yaml_documents

LH321: Final = ValidationRule(
    "LH321",
    "Grafana knows every setting of its variables and provisioning files, and can read its value",
    "It ignores a name that it does not know, and does not start with a value that it cannot read.",
)

_TEXT, _NUMBER, _SWITCH, _OBJECT, _DURATION, _METHOD = "text", "number", "switch", "object", "duration", "method"
_VALUES: Final = {
    _NUMBER: (re.compile(r"[-+]?\d+"), "a whole number"),
    _SWITCH: (re.compile(r"1|0|t|f|true|false", re.IGNORECASE), "true or false"),
    _TEXT: (re.compile(r".*", re.DOTALL), "a text"),
    _DURATION: (DURATION, "a duration such as 30s"),
    _METHOD: (re.compile(r"GET|POST"), "GET or POST"),
}
_SIMPLE: Final = re.compile(r"(\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_SOURCE: Final = {
    **dict.fromkeys(("name", "type", "access", "url", "user", "database", "basicAuthUser", "uid"), _TEXT),
    **dict.fromkeys(("basicAuth", "withCredentials", "isDefault", "editable"), _SWITCH),
    **dict.fromkeys(("orgId", "version"), _NUMBER),
    **dict.fromkeys(("jsonData", "secureJsonData"), _OBJECT),
    **{"correlations": "", "apiVersion": _TEXT},
}
_JSON_DATA: Final = {
    **dict.fromkeys(("timeInterval", "queryTimeout", "incrementalQueryOverlapWindow"), _DURATION),
    **dict.fromkeys(("timeout", "maxLines", "seriesLimit"), _NUMBER),
    **dict.fromkeys(("tlsAuth", "tlsAuthWithCACert", "tlsSkipVerify", "oauthPassThru", "manageAlerts"), _SWITCH),
    **dict.fromkeys(("incrementalQuerying", "disableMetricsLookup", "sigV4Auth"), _SWITCH),
    "httpMethod": _METHOD,
}
"""Of several data sources; each has more of its own."""
_PROVIDER: Final = {
    **dict.fromkeys(("name", "type", "folder", "folderUid"), _TEXT),
    **dict.fromkeys(("disableDeletion", "editable", "allowUiUpdates"), _SWITCH),
    **dict.fromkeys(("orgId", "updateIntervalSeconds"), _NUMBER),
    "options": _OBJECT,
}
_OPTIONS: Final = {"path": _TEXT, "foldersFromFilesStructure": _SWITCH, "folder": _TEXT}
_FILES: Final = {
    "datasources": {"apiVersion": _NUMBER, "prune": _SWITCH, "deleteDatasources": "", "datasources": ""},
    "providers": {"apiVersion": _NUMBER, "providers": ""},
}
TYPES: Final = (
    *("alertmanager", "cloudwatch", "elasticsearch", "grafana-azure-monitor-datasource"),
    *("grafana-postgresql-datasource", "grafana-pyroscope-datasource", "grafana-testdata-datasource", "graphite"),
    *("influxdb", "jaeger", "loki", "mssql", "mysql", "opentsdb", "parca", "postgres", "prometheus"),
    *("stackdriver", "tempo", "testdata", "zipkin"),
)
"""Of the data sources that come with Grafana; others are plugins."""
_WITH_URL: Final = frozenset(
    {"alertmanager", "elasticsearch", "graphite", "influxdb", "loki", "prometheus", "tempo"}
)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings that Grafana ignores or refuses."""
    defaults: dict[str, str] = {}
    seen: dict[tuple[str, str, str], str] = {}
    mounted = list(mounted_files(environment))
    known = {(one.config.key, one.key) for one in dashboards(environment)}
    scraped = _scraped(environment)
    for file in files(environment):
        for kind in _FILES:
            for document in provisioned(file, kind):
                if "apiVersion" not in document:
                    if any("/provisioning/" in path for path in file.paths):
                        yield _violation(
                            file, "has no apiVersion, so Grafana reads other names: set apiVersion: 1", ()
                        )
                    continue
                yield from _settings(file, document, _FILES[kind], ())
                for index, item in enumerate(mappings(document.get(kind))):
                    path: FieldPath = (kind, index)
                    if kind == "datasources":
                        yield from _settings(file, item, _SOURCE, path)
                        settings = mapping(item.get("jsonData"))
                        yield from _settings(file, settings, _JSON_DATA, (*path, "jsonData"), are_all=False)
                        yield from _data_source(file, item, path)
                        yield from _too_often(file, item, path, scraped)
                        yield from _again(file, item, path, defaults, seen)
                    else:
                        yield from _settings(file, item, _PROVIDER, path)
                        yield from _settings(file, mapping(item.get("options")), _OPTIONS, (*path, "options"))
                        yield from _provider(file, item, path, _dashboards_beside(file, mounted, known))


def _violation(file: File, said: str, path: FieldPath) -> Violation:
    return file.violation(LH321, "a provisioning file", said, path)


def _settings(
    file: File, value: dict[str, Any], known: dict[str, str], path: FieldPath, *, are_all: bool = True
) -> Iterator[Violation]:
    for key, item in value.items():
        kind = known.get(key)
        if kind is None:
            close = closest(key, known) if are_all else closest(key, known, 0.85)
            instead = f"use {close}" if close else f"it knows {', '.join(sorted(known))}"
            if close or are_all:
                yield _violation(file, f"sets {key}, which Grafana does not know: {instead}", (*path, key))
        elif kind == _OBJECT and item is not None and not isinstance(item, dict):
            yield _violation(file, f"sets {key}, which has to be an object", (*path, key))
        elif kind in _VALUES and item is not None and "$" not in str(item):
            pattern, wanted = _VALUES[kind]
            if isinstance(item, dict | list) or not pattern.fullmatch(str(item)):
                yield _violation(file, f"sets {key}, which has to be {wanted}", (*path, key))


def _data_source(file: File, source: dict[str, Any], path: FieldPath) -> Iterator[Violation]:
    name, kind = source.get("name"), str(source.get("type") or "")
    for field in ("name", "type"):
        if not source.get(field):
            yield _violation(file, f"declares a data source without a {field}", path)
    if kind and kind not in TYPES and (close := closest(kind, TYPES, 0.8)):
        said = f"declares data source {name} of the unknown type {kind}: use {close}"
        yield _violation(file, said, (*path, "type"))
    if kind in _WITH_URL and not source.get("url"):
        yield _violation(file, f"declares data source {name} without a url", path)
    if source.get("access") not in (None, "", "proxy", "direct"):
        said = f"declares data source {name} with an access that is neither proxy nor direct"
        yield _violation(file, said, (*path, "access"))


def _scraped(environment: Environment) -> str:
    """How often Prometheus scrapes unless a job says otherwise; empty where that is not known."""
    texts = [
        text
        for config in environment.of_kind("ConfigMap")
        for text in string_map(config.value.get("data")).values()
    ]
    documents = [document for text in texts if "scrape_configs:" in text for document in yaml_documents(text)]
    every = {str(dig(document, "global", "scrape_interval") or "") for document in documents}
    return every.pop() if len(every) == 1 else ""


def _too_often(file: File, source: dict[str, Any], path: FieldPath, scraped: str) -> Iterator[Violation]:
    asked = str(dig(source, "jsonData", "timeInterval") or "")
    least, every = (_SIMPLE.fullmatch(text) for text in (asked, scraped))
    if source.get("type") == "prometheus" and least and every:
        seconds = [int(match[1]) * _SECONDS[match[2]] for match in (least, every)]
        if seconds[0] < seconds[1]:
            said = f"sets timeInterval to {asked}, though Prometheus scrapes every {scraped}: rates have no result"
            yield _violation(file, said, (*path, "jsonData", "timeInterval"))


def _again(
    file: File,
    source: dict[str, Any],
    path: FieldPath,
    defaults: dict[str, str],
    seen: dict[tuple[str, str, str], str],
) -> Iterator[Violation]:
    """What two data sources of an organisation share."""
    organisation, name = str(source.get("orgId") or 1), str(source.get("name"))
    if str(source.get("isDefault")).lower() in ("true", "1", "t"):
        other = defaults.setdefault(organisation, name)
        if other != name:
            said = f"makes data source {name} the default, as {other} is: Grafana does not start with two"
            yield _violation(file, said, (*path, "isDefault"))
    for field in ("uid", "name"):
        if text := str(source.get(field) or ""):
            place = f"{file.config.key}/{file.key}/{path}"
            if seen.setdefault((organisation, field, text), place) != place:
                yield _violation(file, f"declares a second data source of the {field} {text}", (*path, field))
                return


def _provider(file: File, provider: dict[str, Any], path: FieldPath, there: set[str]) -> Iterator[Violation]:
    name, options = provider.get("name"), mapping(provider.get("options"))
    folder = str(options.get("path") or "")
    if provider.get("type") not in (None, "", "file"):
        yield _violation(file, f"declares provider {name} of another type than file", (*path, "type"))
    if not folder:
        yield _violation(file, f"declares provider {name} without options.path", path)
    if options.get("foldersFromFilesStructure") is True and (provider.get("folder") or provider.get("folderUid")):
        said = f"declares provider {name} with a folder, though folders come from its files"
        yield _violation(file, said, (*path, "folder" if provider.get("folder") else "folderUid"))
    if folder and "$" not in folder and there and not any(_is_within(path, folder) for path in there):
        said = f"reads dashboards from {folder}, where its container has none"
        yield _violation(file, said, (*path, "options", "path"))


def _dashboards_beside(file: File, mounted: list[MountedFile], known: set[tuple[str, str]]) -> set[str]:
    """The dashboards, of those known, that containers mount which read a file."""
    readers = [one.container for one in mounted if (one.config.key, one.key) == (file.config.key, file.key)]
    return {one.path for one in mounted if (one.config.key, one.key) in known and one.container in readers}


def _is_within(path: str, folder: str) -> bool:
    return path.startswith(f"{posixpath.normpath(folder)}/")
