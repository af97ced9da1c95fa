"""Settings of SparkApplications: names that Spark does not know, and values that it rejects.

`spark.txt`, beside this file, has the names in the pinned Spark's classes; one that ends in a dot is the start of
others. A test compares it with what is installed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mapping, string_map
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH210: Final = ValidationRule(
    "LH210",
    "Spark knows the settings of a SparkApplication, and can read their values",
    "It ignores a name that it does not know, and the driver stops at a value that it cannot read.",
)

FILE: Final = Path(__file__).with_name("spark.txt")
VERSION: Final = "3.5"
_SPECS: Final = {"SparkApplication": ("spec",), "ScheduledSparkApplication": ("spec", "template")}
_SEVERAL: Final = 10
_MEMORY: Final = re.compile(r"\d+(?:b|[kmgtp]b?)?", re.IGNORECASE)
_SWITCH: Final = re.compile(r"true|false", re.IGNORECASE)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings that Spark ignores or rejects."""
    for resource in environment.everything:
        spec_path = _SPECS.get(resource.kind)
        spec = mapping(dig(resource.value, *spec_path)) if spec_path else {}
        for path, said in problems(spec):
            name = ".".join(map(str, path))
            where = (*resource.inside, *(spec_path or ()), *path)
            yield Violation(LH210, f"{resource} sets {name}, {said}.", resource, where)


def problems(spec: dict[str, Any]) -> Iterator[tuple[tuple[Step, ...], str]]:
    """The field of each setting that Spark ignores or rejects, and why, as the end of a sentence."""
    for role in ("driver", "executor"):
        for field in ("memory", "memoryOverhead"):
            value = dig(spec, role, field)
            if value is not None and not _MEMORY.fullmatch(str(value)):
                yield (role, field), f"which has to be a number with a unit such as 512m or 2g, and not {value}"
    version = str(spec.get("sparkVersion") or VERSION)
    for name, value in string_map(spec.get("sparkConf")).items():
        if name.endswith(".enabled") and not _SWITCH.fullmatch(value):
            yield ("sparkConf", name), f"which has to be true or false, and not {value}"
        elif version.startswith(VERSION) and (said := unknown(name)):
            yield ("sparkConf", name), said


def unknown(name: str) -> str:
    """Why Spark ignores a name, as the end of a sentence; empty where it or a library may know it.

    >>> unknown("spark.sql.shufle.partitions")
    'which Spark does not know: use spark.sql.shuffle.partitions'
    """
    if name in names() or any(name.startswith(start) for start in _starts()):
        return ""
    if not name.startswith("spark."):
        return "which Spark does not read: its names start with spark."
    if close := closest(name, names(), 0.85):
        return f"which Spark does not know: use {close}"
    return "which Spark does not know: remove it" if name.split(".")[1] in _groups() else ""


@cache
def _groups() -> frozenset[str]:
    """The second words that are Spark's; a few names are of libraries, which have more of that group."""
    counts = Counter(name.split(".")[1] for name in names())
    return frozenset(group for group, count in counts.items() if count >= _SEVERAL)


@cache
def names() -> frozenset[str]:
    return frozenset(FILE.read_text(encoding="utf-8").split())


@cache
def _starts() -> tuple[str, ...]:
    return tuple(name for name in names() if name.endswith("."))
