"""What a command imports comes with the extra that it asks for."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from harness.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"harness", "brewery", "lakehouse"}
BROUGHT = {
    "markupsafe": "jinja2",
    "botocore": "apache-airflow-providers-amazon",
    "fsspec": "apache-airflow-providers-amazon",
}
"""Packages that are part of another one's interface, by their first name."""


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def imported(folder: str) -> set[str]:
    """The packages of others that the modules of a folder import, by their first name."""
    names: set[str] = set()
    for file in (ROOT / "harness" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - OWN - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("folder", "extra"),
    [("clusters", "cluster"), ("pipeline", "pipeline"), ("manifests", ""), ("review", ""), ("validate", "")],
)
def test_an_extra_has_what_its_commands_import(folder: str, extra: str) -> None:
    declared = {normal(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"].get(extra, [])}
    names = imported(folder)
    assert names
    known = packages_distributions()
    assert {
        name for name in names if not declared & {BROUGHT.get(name, ""), *map(normal, known.get(name, []))}
    } == set()
