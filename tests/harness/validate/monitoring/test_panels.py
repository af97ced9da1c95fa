"""The fields of panels and their values: the list is that of Grafana's schema, and other ones are found."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from harness.machine.gobuild import sources_of
from harness.paths import ROOT
from harness.validate.monitoring.panels import FILE, color_problem, misspelt

SDK: Final = "github.com/grafana/grafana-foundation-sdk/go"
IDENTIFIER: Final = re.compile(
    r'func VariantConfig\(\) variants\.PanelcfgConfig \{.*?Identifier: "([\w-]+)"', re.DOTALL
)
STRUCT: Final = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD: Final = re.compile(r'^\t\w+ +([^ `]+) +`json:"(\w+)', re.MULTILINE)
ALIAS: Final = re.compile(r"^type (\w+) = ([\w.]+)$", re.MULTILINE)
VALUE: Final = re.compile(r'^\t\w+ +(\w+) += "(.*)"$', re.MULTILINE)
UNIT: Final = re.compile(r'^const \w+ = "(.*)"$', re.MULTILINE)


@cache
def package(name: str) -> dict[str, Any]:
    """The types of a package: the fields of structs, the values of enumerations, and what stands for another."""
    code = (sources_of(SDK, ROOT / "tools/texts") / name / "types_gen.go").read_text(encoding="utf-8")
    types: dict[str, Any] = {match[1]: match[2] for match in ALIAS.finditer(code)}
    types |= {
        struct[1]: {name: kind for kind, name in FIELD.findall(struct[2])} for struct in STRUCT.finditer(code)
    }
    for match in VALUE.finditer(code):
        types.setdefault(match[1], []).append(match[2])
    return types


def resolved(name: str, kind: str) -> tuple[str, Any]:
    """The package and the type that a name stands for."""
    kind = kind.lstrip("*")
    if "." in kind:
        name, _, kind = kind.partition(".")
    try:
        found = package(name).get(kind)
    except FileNotFoundError:
        return name, None
    return resolved(name, found) if isinstance(found, str) else (name, found)


def enumerations(name: str, kind: str, path: str) -> Iterator[tuple[str, list[str]]]:
    """The fields below one of a type that take one of several values."""
    items = kind.removeprefix("*").startswith("[]")
    where, found = resolved(name, kind.removeprefix("*").removeprefix("[]"))
    path = f"{path}.*" if items else path
    if isinstance(found, list):
        yield path, sorted(filter(None, found))
    elif isinstance(found, dict) and path.count(".") < 8:
        for field, inner in found.items():
            # Go's fields are the types where a value is of one of several.
            yield from enumerations(where, inner, path if field[0].isupper() else f"{path}.{field}")


def merged(found: Iterator[tuple[str, list[str]]]) -> dict[str, list[str]]:
    values: dict[str, set[str]] = {}
    for path, choices in found:
        values.setdefault(path, set()).update(choices)
    return {path: sorted(choices) for path, choices in values.items()}


def fields_below(name: str, kind: str, path: str) -> Iterator[tuple[str, list[str]]]:
    """The names of the fields of a type and of those that are objects themselves."""
    where, found = resolved(name, kind)
    if isinstance(found, dict) and path.count(".") < 6 and not any(field[0].isupper() for field in found):
        yield path, sorted(found)
        for field, inner in found.items():
            yield from fields_below(where, inner, f"{path}.{field}")


def from_sources() -> dict[str, Any]:
    panels: dict[str, Any] = {}
    for file in sorted(sources_of(SDK, ROOT / "tools/texts").glob("*/types_gen.go")):
        if match := IDENTIFIER.search(file.read_text(encoding="utf-8")):
            one: dict[str, Any] = {"values": {}, "fields": {}}
            for kind, path in (("Options", "options"), ("FieldConfig", "fieldConfig.defaults.custom")):
                one["fields"] |= dict(fields_below(file.parent.name, kind, path))
                one["values"] |= merged(enumerations(file.parent.name, kind, path))
            panels[match[1]] = one
    units = (sources_of(SDK, ROOT / "tools/texts") / "units/types_gen.go").read_text(encoding="utf-8")
    _, properties = resolved("dashboard", "FieldConfig")
    return {
        "values": merged(enumerations("dashboard", "FieldConfig", "fieldConfig.defaults")),
        "properties": sorted(properties),
        "units": sorted(set(UNIT.findall(units))),
        "panels": panels,
    }


def test_the_list_is_that_of_the_schema(kept: Callable[[Path, str], None]) -> None:
    current = json.dumps(from_sources(), indent=0, ensure_ascii=False) + "\n"
    kept(FILE, current)


@pytest.mark.parametrize(
    "name", ["green", "semi-dark-red", "limegreen", "rgb(0, 0, 0)", "#fff", "gold", "transparent"]
)
def test_colours(name: str) -> None:
    assert color_problem(name) == ""


@pytest.mark.parametrize("name", ["gren", "bleu", "semi-dark-rad", "ornage", "#12345"])
def test_colours_that_grafana_does_not_know(name: str) -> None:
    assert color_problem(name)


def test_an_old_dashboard_is_judged_by_what_resembles_a_name() -> None:
    panel = {"type": "stat", "options": {"graphMode": "sparkle", "colorMode": "valu"}}
    assert [said for _, said, _ in misspelt(panel)] == ["sets colorMode to valu"]
    assert [said for _, said, _ in misspelt(panel, is_current=True)] == [
        "sets graphMode to sparkle",
        "sets colorMode to valu",
    ]
