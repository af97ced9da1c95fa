"""Settings of Spark: names that it does not know, and values that it rejects.

`spark.txt`, beside this file, has the names in the pinned Spark's classes, each with what its value has to be, as
Spark itself says; a name that ends in a dot is the start of others. `s3a.txt` has those of Hadoop's S3A file
system, which Spark passes on. A test compares both with what is installed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mapping, string_map, strings
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.programs import java
from harness.validate.rule import ValidationRule
from harness.validate.texts.scripts import argument_path, commands

LH210: Final = ValidationRule(
    "LH210",
    "Spark knows its settings, and can read their values",
    "It ignores a name that it does not know, and the driver stops at a value that it cannot read.",
)

FILE: Final = Path(__file__).with_name("spark.txt")
S3A_FILE: Final = Path(__file__).with_name("s3a.txt")
VERSION: Final = "3.5"
_SPECS: Final = {"SparkApplication": ("spec",), "ScheduledSparkApplication": ("spec", "template")}
_SEVERAL: Final = 10
_ALIKE: Final = 0.92
_INTEGER: Final = re.compile(r"[-+]?\d+")
VALUES: Final = {
    "boolean": (re.compile(r"true|false", re.IGNORECASE), "true or false"),
    "int": (_INTEGER, "a whole number"),
    "long": (_INTEGER, "a whole number"),
    "double": (re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[df]?", re.IGNORECASE), "a number"),
    "bytes": (re.compile(r"-?\d+(?:b|[kmgtp]b?)?", re.IGNORECASE), "a whole number with a unit such as 512m or 2g"),
    "time": (re.compile(r"-?\d+(?:us|ms|s|m|min|h|d)?", re.IGNORECASE), "a whole number with a unit such as 10s"),
    # Spark hands it to Java, which knows fewer units than Spark.
    "heap": (re.compile(r"\d+[kmgt]", re.IGNORECASE), "a whole number with the unit k, m, g or t, such as 512m"),
    # Hadoop's numbers may have a unit of size or of time.
    "amount": (re.compile(r"-?\d+ *[a-z]*", re.IGNORECASE), "a whole number, with a unit or without"),
    "factor": (re.compile(r"0?\.\d*[1-9]\d*|[1-9]\d*\.?\d*"), "a number above zero, such as 0.1"),
}
_PASSED_ON: Final = "spark.hadoop."
_S3A: Final = f"{_PASSED_ON}fs.s3a."
_OF_A_BUCKET: Final = f"{_S3A}bucket."
_CORES: Final = re.compile(r"\d+(?:\.\d+)?|\d+m")
_JAVA_OPTIONS: Final = re.compile(r"spark\.(driver|executor)\.(?:extra|default)JavaOptions")
_MEMORY: Final = {"memory": "bytes", "memoryOverhead": "bytes", "memoryOverheadFactor": "factor"}
_HEAP: Final = "spark.driver.memory"
_UPLOAD: Final = "spark.kubernetes.file.upload.path"
_ENDINGS: Final = {"Python": (".py",), "Java": (".jar",), "Scala": (".jar",), "R": (".r",)}
"""Of the main file, by the type of the application: spark-submit goes by them."""
_CLASS: Final = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)*")
_LINE: Final = re.compile(r"^[ \t]*(spark\.[^\s=:]+)(.*)$", re.MULTILINE)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings that Spark ignores or rejects."""
    for resource in environment.everything:
        spec_path = _SPECS.get(resource.kind)
        spec = mapping(dig(resource.value, *spec_path)) if spec_path else {}
        for path, said in problems(spec):
            name = ".".join(map(str, path))
            where = (*resource.inside, *(spec_path or ()), *path)
            yield Violation(LH210, f"{resource} sets {name}, {said}.", resource, where)
        if resource.kind == "ConfigMap":
            yield from _defaults(resource)
        elif "spark." in resource.text and not spec_path:
            yield from _arguments(resource)


def _defaults(config: BuiltResource) -> Iterator[Violation]:
    """What is wrong in a file of defaults, of which each line is a setting."""
    for key, text in string_map(config.value.get("data")).items():
        if key not in ("spark-defaults.conf", "spark.properties"):
            continue
        for match in _LINE.finditer(text):
            value = match[2].strip()
            if said := problem_of(match[1], value[1:].lstrip() if value[:1] in ("=", ":") else value):
                line = text.count("\n", 0, match.start(1)) + 1
                message = f"{config} sets {match[1]} in {key}, {said}."
                yield Violation(LH210, message, config, ("data", key), line)


def _arguments(resource: BuiltResource) -> Iterator[Violation]:
    """What is wrong in the settings that a command passes on."""
    for path, words in commands(resource.value):
        for index, word in enumerate(words):
            is_setting = index and words[index - 1] in ("--conf", "-c") and word.startswith("spark.")
            setting = word if is_setting else word.removeprefix("--conf=") if word.startswith("--conf=") else ""
            name, equals, value = setting.partition("=")
            if equals and "$" not in setting and (said := problem_of(name, value)):
                where = (*resource.inside, *argument_path(resource.value, path, index))
                yield Violation(LH210, f"{resource} sets {name}, {said}.", resource, where)


def problems(spec: dict[str, Any]) -> Iterator[tuple[tuple[Step, ...], str]]:
    """The field of each setting that Spark ignores or rejects, and why, as the end of a sentence."""
    for role in ("driver", "executor"):
        for field, kind in _MEMORY.items():
            value = dig(spec, role, field)
            kind = "heap" if (role, field) == ("driver", "memory") else kind
            if value is not None and (said := rejected(kind, str(value))):
                yield (role, field), said
        for field in ("coreRequest", "coreLimit"):
            value = dig(spec, role, field)
            if value is not None and not _CORES.fullmatch(str(value)):
                yield (role, field), "which has to be a number of cores such as 1 or 250m"
        if said := _java(f"spark.{role}.extraJavaOptions", str(dig(spec, role, "javaOptions") or "")):
            yield (role, "javaOptions"), said
    yield from _files(spec)
    if (factor := spec.get("memoryOverheadFactor")) is not None and (said := rejected("factor", str(factor))):
        yield ("memoryOverheadFactor",), said
    version = str(spec.get("sparkVersion") or VERSION)
    for name, value in string_map(spec.get("sparkConf")).items():
        if version.startswith(VERSION):
            said = problem_of(name, value)
        else:
            said = rejected("boolean", value) if name.endswith(".enabled") else ""
        if said:
            yield ("sparkConf", name), said


def _files(spec: dict[str, Any]) -> Iterator[tuple[tuple[Step, ...], str]]:
    """What is wrong with the file and the class that an application starts, and with what it depends on."""
    uploads = _UPLOAD in string_map(spec.get("sparkConf"))
    named: list[tuple[tuple[Step, ...], str]] = [
        (("deps", field, index), name)
        for field in ("jars", "files", "pyFiles", "archives")
        for index, name in enumerate(strings(dig(spec, "deps", field)))
    ]
    main = str(spec.get("mainApplicationFile") or "")
    for path, name in [*named, (("mainApplicationFile",), main)]:
        if match := re.match(r"local://([\w.-]+)/", name):
            yield path, f"which names the host {match[1]}: write local:///{match[1]}/..."
        elif name.startswith(("/", "file:")) and not uploads:
            yield path, "which is read where it is submitted: write local:// before a path in the image"
    ending = _ENDINGS.get(str(spec.get("type")))
    if main and ending and "{" not in main and not main.lower().endswith(ending):
        yield ("mainApplicationFile",), f"which has to be a {' or '.join(ending)} file for the type {spec['type']}"
    if (main_class := spec.get("mainClass")) and not _CLASS.fullmatch(str(main_class)):
        yield ("mainClass",), "which has to be a class such as org.example.Main"


def problem_of(name: str, value: str) -> str:
    """Why Spark ignores or rejects a setting, as the end of a sentence; empty where it reads it.

    >>> problem_of("spark.sql.shuffle.partitions", "many")
    'which has to be a whole number'
    """
    if name.startswith(_S3A):
        return _of_s3a(name, value)
    kind = "heap" if name == _HEAP else names().get(name, "")
    if not kind and name.endswith(".enabled"):
        kind = "boolean"
    return unknown(name) or rejected(kind, value) or _java(name, value)


def _java(name: str, value: str) -> str:
    """Why Spark rejects options of Java: the heap and, for executors, its own settings have other names."""
    match = _JAVA_OPTIONS.fullmatch(name)
    if match and re.search(r"(?<!\S)-Xmx", value):
        return f"which must not set -Xmx: set spark.{match[1]}.memory"
    if match and match[1] == "executor" and re.search(r"(?<!\S)-Dspark", value):
        return "which must not set what starts with -Dspark: set it by its name"
    return java.problem_of(value) if match else ""


def _of_s3a(name: str, value: str) -> str:
    """Why Hadoop ignores or rejects an option of its S3A file system; another version may have more of them."""
    known = s3a()
    if name.startswith(_OF_A_BUCKET):
        # A bucket's name may have dots.
        rest = name.removeprefix(_OF_A_BUCKET)
        option = next((one for one in known if rest.endswith(f".{one.removeprefix('fs.s3a.')}")), "")
        return rejected(known[option], value) if option else ""
    option = name.removeprefix(_PASSED_ON)
    if option in known:
        return rejected(known[option], value)
    close = "" if any(start.endswith(".") and option.startswith(start) for start in known) else option
    close = closest(close, known, _ALIKE)
    return f"which Hadoop does not know: use {_PASSED_ON}{close}" if close else ""


def rejected(kind: str, value: str) -> str:
    """Why Spark rejects a value of a kind; the sentence does not repeat it, because it may be a secret."""
    kind, _, limit = kind.partition(" ")
    if kind in VALUES:
        pattern, wanted = VALUES[kind]
        if not pattern.fullmatch(value.strip()):
            return f"which has to be {wanted}"
        return f"which has to be at least {limit}" if limit and int(value) < int(limit) else ""
    if kind in ("exact", "anycase"):
        given, choices = value, limit.split("|")
        if kind == "anycase":
            given, choices = given.upper(), [choice.upper() for choice in choices]
        return "" if given in choices else f"which has to be {' or '.join(limit.split('|'))}"
    return ""


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
def names() -> dict[str, str]:
    """What each setting has to be; empty for anything."""
    return _listed(FILE)


@cache
def s3a() -> dict[str, str]:
    """What each option of the S3A file system has to be; empty for anything."""
    return _listed(S3A_FILE)


def _listed(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name: kind for name, _, kind in (line.partition(" ") for line in lines)}


@cache
def _starts() -> tuple[str, ...]:
    return tuple(name for name in names() if name.endswith("."))
