"""The fields of a panel that overrides and transformations name: columns of a table, or names of series."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mapping, mappings
from harness.validate.monitoring.grafana import targets

_ORGANIZE: Final = "organize"
_BY_NAME: Final = ("excludeByName", "indexByName", "renameByName")


def columns(panel: dict[str, Any]) -> Iterator[tuple[str, str, FieldPath]]:
    """The columns that are named of the one table that a panel asks for: (its query, column, field)."""
    queries = targets(panel)
    transformations = mappings(panel.get("transformations"))
    if len(queries) != 1 or any(one.get("id") != _ORGANIZE for one in transformations):
        return
    query = queries[0][1]
    if panel.get("type") != "table" or query.get("format") != "table" or not isinstance(query.get("expr"), str):
        return
    renamed: set[str] = set()
    for index, one in enumerate(transformations):
        for part in _BY_NAME:
            for name, value in mapping(dig(one, "options", part)).items():
                yield query["expr"], name, ("transformations", index, "options", part, name)
                renamed |= {str(value)} if part == "renameByName" else set()
    for name, path in _overridden(panel):
        if name not in renamed:
            yield query["expr"], name, path


def unnamed(panel: dict[str, Any]) -> Iterator[tuple[str, FieldPath]]:
    """Names of series that overrides name, and that no query of a panel gives: (name, field)."""
    legends = [str(query.get("legendFormat") or "") for _, query in targets(panel)]
    if panel.get("transformations") or not legends or any(not one or "{{" in one or "$" in one for one in legends):
        return
    if all(one != "__auto" for one in legends):
        yield from ((name, path) for name, path in _overridden(panel) if name not in (*legends, "Time", "Value"))


def _overridden(panel: dict[str, Any]) -> Iterator[tuple[str, FieldPath]]:
    for index, override in enumerate(mappings(dig(panel, "fieldConfig", "overrides"))):
        name = dig(override, "matcher", "options")
        if dig(override, "matcher", "id") == "byName" and isinstance(name, str):
            yield name, ("fieldConfig", "overrides", index, "matcher", "options")
