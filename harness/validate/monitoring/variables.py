"""A dashboard's variables: what they are made of, and matchers that take one value and get several."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.validate.monitoring.grafana import DURATION, Dashboard, targets
from harness.validate.monitoring.provisioning import TYPES

_EXACT: Final = re.compile(r'(\w+)\s*(!?=)\s*"[^"$\[]*(?:\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\])[^"]*"')
_NAMED: Final = re.compile(r"\(\?<(?=[a-zA-Z])")
_SLASHES: Final = re.compile(r"/(.*)/[a-z]*", re.DOTALL)
_ALIKE: Final = 0.8


def variable_problems(one: Dashboard) -> Iterator[tuple[FieldPath, str]]:
    """What is wrong with variables, and with queries that use them: the field, and the sentence's end."""
    several: set[str] = set()
    for path, variable in one.variables:
        name, kind = str(variable.get("name")), variable.get("type")
        if kind in ("query", "custom") and (variable.get("multi") is True or variable.get("includeAll") is True):
            several.add(name)
        if problem := _pattern(variable.get("regex")):
            yield (*path, "regex"), f"declares ${name} with a pattern that has {problem}"
        text = variable.get("query")
        if kind == "interval" and isinstance(text, str):
            wrong = [item for item in map(str.strip, text.split(",")) if item and not DURATION.fullmatch(item)]
            if wrong and "$" not in text:
                yield (*path, "query"), f"declares ${name} with {wrong[0]}, which has to be a duration such as 30s"
        is_unknown = kind == "datasource" and isinstance(text, str) and text not in TYPES
        if is_unknown and (close := closest(str(text), TYPES, _ALIKE)):
            yield (*path, "query"), f"declares ${name} of data sources of the type {text}: use {close}"
    for path, text in _queries(one):
        for match in _EXACT.finditer(text):
            name = match[3] or match[4] or match[5]
            if name in several:
                instead = "!~" if match[2] == "!=" else "=~"
                said = f"compares {match[1]} with ${name} by {match[2]}, which may be several values: use {instead}"
                yield path, said


def _queries(one: Dashboard) -> Iterator[tuple[FieldPath, str]]:
    items: list[tuple[FieldPath, dict[str, Any]]] = [*one.annotations]
    items += [((*path, *inner), target) for path, panel in one.panels for inner, target in targets(panel)]
    for path, item in items:
        if isinstance(item.get("expr"), str):
            yield (*path, "expr"), item["expr"]


def _pattern(text: Any) -> str:
    """What Python and JavaScript both refuse of a pattern; they differ in other things."""
    if not isinstance(text, str) or not text:
        return ""
    match = _SLASHES.fullmatch(text)
    try:
        re.compile(_NAMED.sub("(?P<", match[1] if match else text))
    except re.error as error:
        if error.msg.startswith(("missing )", "unbalanced", "unterminated character set", "nothing to repeat")):
            return error.msg
    return ""
