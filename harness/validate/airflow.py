"""Airflow's settings in the environment of containers: names that it does not know, and values that it rejects.

`airflow.json`, beside this file, has the type of each option of the pinned Airflow and its providers, by section; a
test compares it with what is installed.
"""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from harness.manifests.images import reference
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH211: Final = ValidationRule(
    "LH211",
    "Airflow knows its settings, and can read their values",
    "It ignores a name that it does not know, and stops at a value of another type.",
)

FILE: Final = Path(__file__).with_name("airflow.json")
_NAME: Final = re.compile(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)")
_ALMOST: Final = re.compile(r"AIRFLOW_(?!_|CONN_|VAR_)\w*__\w+|AIRFLOW__[^_]\w*")
_INDIRECT: Final = re.compile(r"_(?:CMD|SECRET)$")
"""What a name may end in where its value is a command, or the name of a secret."""
_VALUES: Final = {
    "boolean": (re.compile(r"\s*(?:t|true|1|f|false|0)\s*(?:#.*)?", re.IGNORECASE), "true or false"),
    "integer": (re.compile(r"\s*[-+]?\d[\d_]*\s*"), "a whole number"),
    "float": (re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*", re.IGNORECASE), "a number"),
}

Setting = tuple[str, str | None, BuiltResource, tuple[Step, ...]]
"""A variable's name, its value where known, and the field that sets it."""


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings without effect."""
    told: set[tuple[str, str, tuple[Step, ...]]] = set()
    for pod in environment.pods:
        for name, value, resource, path in _settings(environment, pod):
            if (resource.key, name, path) not in told and (said := problem_of(name, value)):
                told.add((resource.key, name, path))
                yield Violation(LH211, f"{resource} sets {name}, {said}.", resource, path)


def _settings(environment: Environment, pod: Pod) -> Iterator[Setting]:
    for place, container, _ in pod.containers():
        repository, tag, _ = reference(str(container.get("image") or ""))
        if "airflow" in repository and re.match(r"v?[3-9]\.", tag):
            # Its settings are others.
            continue
        for variable in mappings(container.get("env")):
            name = str(variable.get("name"))
            value = None if "valueFrom" in variable else str(variable.get("value") or "")
            yield name, value, pod.owner, (*place, "env", name)
        for source in mappings(container.get("envFrom")):
            config = environment.get("ConfigMap", pod.namespace, str(dig(source, "configMapRef", "name")))
            if config is not None:
                prefix = str(source.get("prefix") or "")
                for key, text in string_map(config.value.get("data")).items():
                    yield prefix + key, text, config, ("data", key)


def problem_of(name: str, value: str | None) -> str:
    """What is wrong with a setting, as the end of a sentence; empty for nothing.

    >>> problem_of("AIRFLOW__CORE__PARALELISM", "8")
    'which Airflow does not know: use AIRFLOW__CORE__PARALLELISM'
    """
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
        close = get_close_matches(section, settings(), 1, 0.85)
        return f"whose section Airflow does not know: use {spelt(close[0], option)}" if close else ""
    kind = options.get(option) or ("string" if _INDIRECT.sub("", match[2]).lower() in options else "")
    if not kind:
        return f"which Airflow does not know{_instead(name, [spelt(section, other) for other in options])}"
    if value is not None and kind in _VALUES and "$(" not in value:
        pattern, expected = _VALUES[kind]
        return "" if pattern.fullmatch(value) else f"which has to be {expected}"
    return ""


def spelt(section: str, option: str) -> str:
    return f"AIRFLOW__{section}__{option}".upper()


def _instead(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1, 0.8)
    return f": use {close[0]}" if close else ": remove it"


@cache
def settings() -> dict[str, dict[str, str]]:
    """The type of each option, by section."""
    known: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return known
