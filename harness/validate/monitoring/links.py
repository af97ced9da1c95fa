"""Where a dashboard's links lead: to dashboards that there are."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings, strings
from harness.validate.monitoring.grafana import Dashboard

_TO: Final = re.compile(r"(?:^|[^\w/])/?d/([\w-]+)")


def unknown_links(one: Dashboard, every: list[Dashboard]) -> Iterator[tuple[FieldPath, str]]:
    """Links that lead nowhere: the field, and what is wrong."""
    uids = {str(other.value.get("uid") or "") for other in every}
    for path, link in _links(one):
        match = _TO.search(str(link.get("url") or "").partition("?")[0])
        if match and match[1] not in uids:
            close = closest(match[1], uids)
            instead = f": use {close}" if close else ""
            yield (*path, "url"), f"links to the dashboard {match[1]}, which does not exist{instead}"
        wanted = set(strings(link.get("tags")))
        if link.get("type") == "dashboards" and wanted:
            tags = [set(strings(other.value.get("tags"))) for other in every]
            if not any(wanted <= has for has in tags):
                yield (
                    (*path, "tags"),
                    f"links to the dashboards tagged {' and '.join(sorted(wanted))}, which none is",
                )


def _links(one: Dashboard) -> Iterator[tuple[FieldPath, dict[str, Any]]]:
    for index, link in enumerate(mappings(one.value.get("links"))):
        yield ("links", index), link
    for path, panel in one.panels:
        places: list[FieldPath] = [("links",), ("fieldConfig", "defaults", "links")]
        for place in places:
            for index, link in enumerate(mappings(dig(panel, *place))):
                yield (*path, *place, index), link
        for number, override in enumerate(mappings(dig(panel, "fieldConfig", "overrides"))):
            for inner, item in enumerate(mappings(override.get("properties"))):
                for index, link in enumerate(mappings(item.get("value")) if item.get("id") == "links" else ()):
                    place = ("fieldConfig", "overrides", number, "properties", inner, "value", index)
                    yield (*path, *place), link
