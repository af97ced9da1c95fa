"""Airflow's settings in the environment of containers: names that it does not know, and values that it rejects.

`airflow.json`, beside this file, has the type or the choices of each option of the pinned Airflow and its
providers, by section; a test compares it with what is installed.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.errors import closest
from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import Step
from harness.validate.finding import Violation
from harness.validate.model import Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.variables import Variable, variables_of

LH211: Final = ValidationRule(
    "LH211",
    "Airflow knows its commands and settings, and can read their values",
    "It stops at a command that it does not know or a value of another type, and ignores the name of a setting.",
)

FILE: Final = Path(__file__).with_name("airflow.json")
_NAME: Final = re.compile(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)")
_ALMOST: Final = re.compile(r"AIRFLOW_(?!_|CONN_|VAR_)\w*__\w+|AIRFLOW__[^_]\w*")
_INDIRECT: Final = re.compile(r"_(?:CMD|SECRET)$")
"""What a name may end in where its value is a command, or the name of a secret."""
_CONNECTION: Final = "AIRFLOW_CONN_"
_URI: Final = re.compile(r"[a-z][\w+.-]*://.*", re.IGNORECASE | re.DOTALL)
_DATABASE: Final = re.compile(r"(?:postgresql|mysql|mariadb|mssql|sqlite|oracle)(?:\+\w+)?://?.*", re.DOTALL)
_OF_DATABASE: Final = "sql_alchemy_conn"
_TIME_ZONES: Final = ("default_timezone", "default_ui_timezone")
_VALUES: Final = {
    "boolean": (re.compile(r"\s*(?:t|true|1|f|false|0)\s*(?:#.*)?", re.IGNORECASE), "true or false"),
    "integer": (re.compile(r"\s*[-+]?\d[\d_]*\s*"), "a whole number"),
    "float": (re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*", re.IGNORECASE), "a number"),
}


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings without effect."""
    told: set[tuple[str, str, tuple[Step, ...]]] = set()
    for pod in environment.pods:
        settings_of_pod = list(_settings(environment, pod))
        connections = {
            one.name.removeprefix(_CONNECTION).lower()
            for one in settings_of_pod
            if one.name.startswith(_CONNECTION)
        }
        for one in settings_of_pod:
            key = (one.resource.key, one.name, one.path)
            said = problem_of(one.name, one.value) or _unconnected(one, connections)
            if key not in told and said:
                told.add(key)
                yield Violation(LH211, f"{one.resource} sets {one.name}, {said}.", one.resource, one.path)


def _unconnected(variable: Variable, connections: set[str]) -> str:
    """Why a setting names no connection: those in a database are not known, so only where one is resembled."""
    value = (variable.value or "").lower()
    if not re.fullmatch(r"AIRFLOW__\w+_CONN_ID", variable.name) or not value or value in connections:
        return ""
    close = closest(value, connections, 0.8)
    return f"which no variable {_CONNECTION}* defines: use {close}" if close else ""


def _settings(environment: Environment, pod: Pod) -> Iterator[Variable]:
    for place, container, _ in pod.containers():
        repository, tag, _ = reference(str(container.get("image") or ""))
        # The settings of Airflow 3 are others.
        if not ("airflow" in repository and re.match(r"v?[3-9]\.", tag)):
            yield from variables_of(environment, pod, place, container)


def problem_of(name: str, value: str | None) -> str:
    """What is wrong with a setting, as the end of a sentence; empty for nothing.

    >>> problem_of("AIRFLOW__CORE__PARALELISM", "8")
    'which Airflow does not know: use AIRFLOW__CORE__PARALLELISM'
    """
    if name.startswith(_CONNECTION):
        return _connection(value)
    match = _NAME.fullmatch(name)
    if match is None:
        if not _ALMOST.fullmatch(name):
            return ""
        known = [spelt(section, option) for section, options in settings().items() for option in options]
        return f"which Airflow does not know{_instead(name, known)}"
    section, option = match[1].lower(), match[2].lower()
    options = settings().get(section)
    if options is None:
        # A provider that is not installed here may have it.
        close = closest(section, settings(), 0.85)
        return f"whose section Airflow does not know: use {spelt(close, option)}" if close else ""
    kind = options.get(option) or ("string" if _INDIRECT.sub("", match[2]).lower() in options else "")
    if not kind:
        return f"which Airflow does not know{_instead(name, [spelt(section, other) for other in options])}"
    # Of a URL, what stands before a variable says which database it is for.
    start = value.partition("$(")[0] if value and option == _OF_DATABASE else value
    return "" if start is None or "$(" in start else rejected(kind, option, start)


def _connection(value: str | None) -> str:
    """What is wrong with a connection: it is a URI, or an object with a type."""
    if not value or value.startswith("$("):
        return ""
    if value.lstrip().startswith("{"):
        try:
            read = json.loads(value)
        except ValueError as error:
            return f"which is no JSON: {error}"
        return "" if read.get("conn_type") else "which has no conn_type"
    return "" if _URI.fullmatch(value) else "which has to be a URI or a JSON object"


def rejected(kind: str | list[str], option: str, value: str) -> str:
    """Why Airflow rejects a value, as the end of a sentence; empty where it takes it."""
    if isinstance(kind, list):
        # An import path, or several executors with names of their own.
        is_one = not value or value in kind or (option == "executor" and re.search("[.,:]", value))
        return "" if is_one else f"which has to be {' or '.join(choice for choice in kind if choice)}"
    if option == _OF_DATABASE and "://" in value and not _DATABASE.fullmatch(value):
        return "which names no database that SQLAlchemy knows, such as postgresql+psycopg2://"
    if option in _TIME_ZONES and value.strip().lower() not in ("system", "utc"):
        try:
            ZoneInfo(value.strip())
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return "which is no time zone"
    if kind in _VALUES:
        pattern, expected = _VALUES[kind]
        return "" if pattern.fullmatch(value) else f"which has to be {expected}"
    return ""


def spelt(section: str, option: str) -> str:
    return f"AIRFLOW__{section}__{option}".upper()


def _instead(name: str, known: list[str]) -> str:
    close = closest(name, known, 0.8)
    return f": use {close}" if close else ": remove it"


@cache
def settings() -> dict[str, dict[str, str | list[str]]]:
    """The type or the choices of each option, by section."""
    known: dict[str, dict[str, str | list[str]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return known
