"""Texts inside ConfigMaps: each parses as what its name, its use or its first line says."""

import ast
import configparser
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from harness.errors import closest
from harness.manifests.kubernetes_yaml import Step, TextError, YamlError, parse, untagged
from harness.manifests.values import mapping, sequence, string_map
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mount_paths
from harness.validate.texts.parsed import json_line
from harness.validate.texts.python_names import undefined

LH316: Final = ValidationRule(
    "LH316",
    "A text in a ConfigMap and a script in a command parse as what their name or use says",
    "The program that reads it stops, or ignores it.",
    engine="Python's parsers, mvdan.cc/sh",
)
LH317: Final = ValidationRule(
    "LH317",
    "A text in a ConfigMap has no conflict markers, and no CRLF in scripts and variables",
    "The carriage return becomes part of the command or value.",
)

_TAG: Final = re.compile(r"(?<![^\s\[{,])!\w[\w/.:-]*")
_PYTHON: Final = re.compile(r"#!.*\bpython")
_MARKERS: Final = tuple(re.compile(marker, re.MULTILINE) for marker in (r"^<{7} ", r"^={7}$", r"^>{7} "))
"""Of a conflict, in their order."""
PLACEHOLDER: Final = re.compile(r"\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}", re.DOTALL)
_YAML_KEY: Final = re.compile(
    r"resource\.(?:ex|in)clusions|resource\.customizations(?:\.(?:actions|ignore|knownTypeFields).*)?"
    r"|(?:dex|oidc)\.config"
)
"""Keys of `argocd-cm` that hold YAML."""
_ARN: Final = "arn:aws:s3:::"
_ARN_PARTS: Final = re.compile(r"arn:(?:[^:]*:){4}.")
_STATEMENT: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}
)
S3_FILE: Final = Path(__file__).with_name("s3.json")
"""What MinIO's policies may name: actions, by what they are for, and conditions; a test reads MinIO's sources."""
_S3: Final[dict[str, Any]] = json.loads(S3_FILE.read_text(encoding="utf-8"))
_OPERATORS: Final = frozenset(_S3["conditions"]) | {
    f"Arn{sort}" for sort in ("Equals", "NotEquals", "Like", "NotLike")
}
_OPERATOR: Final = re.compile(rf"(?:ForAllValues:|ForAnyValue:)?(?:{'|'.join(sorted(_OPERATORS))})(?:IfExists)?")
_OF_OBJECTS: Final = frozenset(_S3["objects"])
_OF_BUCKETS: Final = frozenset(_S3["buckets"])
_S3_ACTIONS: Final = _OF_OBJECTS | _OF_BUCKETS
"""What a misspelt action is compared with; other servers have more."""
_LIFECYCLE: Final = frozenset({"Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"})
_LIFECYCLE_RULE: Final = _LIFECYCLE | {
    *(
        "ID",
        "Status",
        "Filter",
        "Prefix",
        "Transition",
        "Transitions",
        "DelMarkerExpiration",
        "AllVersionsExpiration",
    ),
    *("NoncurrentVersionTransition", "NoncurrentVersionTransitions"),
}
_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})")
_LOG_LEVEL: Final = re.compile(
    r"^[ \t]*(?:rootLogger(?:\.level)?|(?:root)?logger\.[\w.]+)[ \t]*[=:][ \t]*(\w+)[ \t]*$", re.MULTILINE
)
_LOG_LEVELS: Final = ("OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL")

Refused = tuple[str, tuple[Step, ...]]
"""Why something is refused, and the field."""


def check(environment: Environment) -> Iterator[Violation]:
    """Finds texts that do not parse."""
    uses = mount_paths(environment)
    judged = {
        (item.parent.key, item.inside[1])
        for item in environment.embedded
        if item.parent and item.key in environment.malformed
    }
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            # The type of a value is judged by the schema of a manifest.
            text = untagged(text) if (config.key, key) in judged else text
            names = (key, *sorted(uses.get((config.namespace, config.name, key), ())))
            yield from _judge(config, key, text, names)


def _judge(config: BuiltResource, key: str, text: str, names: Iterable[str]) -> Iterator[Violation]:
    path = ("data", key)
    if line := conflict_line(text):
        message = f"{config} has a conflict marker in {key}, line {line}: resolve the merge."
        yield Violation(LH317, message, config, path, line)
        return
    is_script = text.startswith("#!") or any(name.endswith((".sh", ".bash")) for name in names)
    if "\r" in text and (is_script or "." not in key):
        line = text.count("\n", 0, text.index("\r")) + 1
        message = f"{config} has a carriage return in {key}, line {line}: save it with LF line ends."
        yield Violation(LH317, message, config, path, line)
    form = form_of(config.name, names, text)
    problem = problem_of(form, text) if form else None
    if problem:
        at = f", line {problem.line}" if problem.line else ""
        yield Violation(
            LH316, f"{config} has a {key} that is not valid {form}: {problem}{at}.", config, path, problem.line
        )


def conflict_line(text: str) -> int | None:
    """The line of the first conflict that a merge has left; None where there is none."""
    start, end = None, 0
    for marker in _MARKERS:
        if not (found := marker.search(text, end)):
            return None
        start, end = found.start() if start is None else start, found.end()
    return text.count("\n", 0, start) + 1


def form_of(config: str, names: Iterable[str], text: str) -> str:
    r"""What a text should be; empty for what has no parser here.

    >>> form_of("web", ["settings.toml"], ""), form_of("web", ["run"], "#!/usr/bin/env python3\n")
    ('TOML', 'Python')
    """
    for name in names:
        extension = name.rpartition(".")[2].lower() if "." in name else ""
        if extension in _FORMS:
            return _FORMS[extension]
        # Only some programs have an ini file of this name.
        if extension in ("cfg", "cnf", "conf") and re.match(
            r"\s*(?:[#;].*\n\s*)*\[[\w. -]+\]\s*$", text, re.MULTILINE
        ):
            return "ini"
    if config == "argocd-cm" and any(_YAML_KEY.fullmatch(name) for name in names):
        return "YAML"
    return "Python" if _PYTHON.match(text) else ""


@lru_cache(maxsize=1_000)
def problem_of(form: str, text: str) -> TextError | None:
    """Why a text is not valid, or None; a template counts as valid where its placeholders alone are to blame."""
    first = _refusal(form, text)
    if first and PLACEHOLDER.search(text) and _refusal(form, PLACEHOLDER.sub("0", text)) is None:
        return None
    return first


def _refusal(form: str, text: str) -> TextError | None:
    try:
        _PARSERS[form](text)
    except TextError as error:
        return error
    except json.JSONDecodeError as error:
        return TextError(_lower(error.msg), error.lineno)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        return TextError(_lower(message), int(line[1]) if line else None)
    except SyntaxError as error:
        return TextError(_lower(error.msg), error.lineno)
    except expat.ExpatError as error:
        return TextError(expat.ErrorString(error.code), error.lineno)
    except (RecursionError, MemoryError, ValueError):
        return TextError("it is nested too deeply, or contains a character that it must not")
    return None


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _yaml(text: str) -> None:
    try:
        parse(text)
    except YamlError:
        if not _TAG.search(text):
            raise
        parse(_TAG.sub("", text))  # the program that reads it may know more tags than Kubernetes


def _json(text: str) -> None:
    value = json.loads(text, object_pairs_hook=_once)
    if isinstance(value, dict):
        # What an S3 server reads.
        for said, path in [*_policy(value), *_lifecycle(value)]:
            raise TextError(said, json_line(text, path))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TextError(f"it has the key {twice} twice in one object")
    return value


def _policy(value: dict[str, Any]) -> Iterator[Refused]:
    """What an S3 server refuses in an access policy, or what in it grants nothing."""
    if "Statement" not in value:
        return
    if value.get("Version") not in ("2012-10-17", "2008-10-17"):
        yield "a policy needs the Version 2012-10-17", ("Version",)
    statements = sequence(value["Statement"]) or [value["Statement"]]
    for number, statement in enumerate(statements, 1):
        for said, path in _statement(statement):
            index = (number - 1,) if isinstance(value["Statement"], list) else ()
            yield f"statement {number} of the policy {said}", ("Statement", *index, *path)


def _statement(statement: Any) -> Iterator[Refused]:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        yield "needs the Effect Allow or Deny", ("Effect",)
        return
    actions = _texts(statement, "Action") or _texts(statement, "NotAction")
    if not actions or not all(re.fullmatch(r"\*|[a-z0-9]+:[\w*?]+", action) for action in actions):
        yield "needs actions such as s3:GetObject", ("Action",)
    for name in sorted(statement.keys() - _STATEMENT):
        yield f"has {name}, which is no part of one{_meant(name, _STATEMENT)}", (name,)
    for operator in mapping(statement.get("Condition")):
        if not _OPERATOR.fullmatch(operator):
            yield f"has the unknown condition {operator}{_meant(operator, _OPERATORS)}", ("Condition", operator)
    for index, action in enumerate(actions):
        close = closest(action, _S3_ACTIONS, 0.9) if action not in _S3_ACTIONS and "*" not in action else ""
        # Other servers have s3:GetObjectAcl.
        if close and not action.startswith(close):
            yield f"has the unknown action {action}: use {close}", ("Action", index)
    resources = _texts(statement, "Resource") + _texts(statement, "NotResource")
    is_of_s3 = any(action.startswith("s3:") for action in actions)
    wrong = [index for index, one in enumerate(resources) if one != "*" and not _ARN_PARTS.match(one)]
    if wrong or (is_of_s3 and not resources):
        yield f"needs resources such as {_ARN}bucket/*", ("Resource", *wrong[:1])
    yield from _elsewhere(statement, actions)


def _elsewhere(statement: dict[str, Any], actions: list[str]) -> Iterator[Refused]:
    """Actions of buckets on objects alone, and the other way round."""
    names = [one.removeprefix(_ARN) for one in _texts(statement, "Resource") if one.startswith(_ARN)]
    if not names or len(names) < len(_texts(statement, "Resource")) or "NotAction" in statement:
        return
    for index, action in enumerate(actions):
        if action in _OF_BUCKETS and all("/" in name and "*" not in name.partition("/")[0] for name in names):
            yield f"grants {action}, which is for a bucket, on objects only", ("Action", index)
        if action in _OF_OBJECTS and not any("/" in name or "*" in name for name in names):
            yield f"grants {action}, which is for objects, on a bucket only: add /* to it", ("Action", index)


def _lifecycle(value: dict[str, Any]) -> Iterator[Refused]:
    """What an S3 server refuses in a bucket's lifecycle."""
    for index, rule in enumerate(sequence(value.get("Rules"))):
        parts = [name for name in mapping(rule) if name in _LIFECYCLE]
        if not parts or "Status" not in rule:
            continue
        where = f"rule {index + 1} of the lifecycle"
        if rule["Status"] not in ("Enabled", "Disabled"):
            yield f"{where} needs the Status Enabled or Disabled", ("Rules", index, "Status")
        for name in sorted(rule.keys() - _LIFECYCLE_RULE):
            yield (
                f"{where} has {name}, which is no part of one{_meant(name, _LIFECYCLE_RULE)}",
                ("Rules", index, name),
            )
        for part in parts:
            for field, days in mapping(rule[part]).items():
                if field.endswith("Days") and (not isinstance(days, int) or isinstance(days, bool) or days < 0):
                    yield f"{where} needs a whole number of {field}", ("Rules", index, part, field)


def _meant(name: str, known: Iterable[str]) -> str:
    close = closest(name, known)
    return f": use {close}" if close else ""


def _texts(statement: dict[str, Any], name: str) -> list[str]:
    value = statement.get(name)
    return [value] if isinstance(value, str) else [str(item) for item in sequence(value)]


def _ini(text: str) -> None:
    try:
        configparser.ConfigParser(interpolation=None, allow_no_value=True).read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise TextError("a line stands before the first [section]", error.lineno) from None
    except (configparser.DuplicateOptionError, configparser.DuplicateSectionError) as error:
        what = getattr(error, "option", None) or f"[{error.section}]"
        raise TextError(f"{what} is there twice", error.lineno) from None
    except configparser.ParsingError as error:
        raise TextError("a line is neither a key nor a value", error.errors[0][0]) from None


def _properties(text: str) -> None:
    if match := _ESCAPE.search(text):
        raise TextError("four hexadecimal digits have to follow \\u", text.count("\n", 0, match.end()) + 1)
    for match in _LOG_LEVEL.finditer(text):
        # Others may be defined.
        if match[1].upper() not in _LOG_LEVELS and (close := closest(match[1].upper(), _LOG_LEVELS, 0.7)):
            line = text.count("\n", 0, match.start(1)) + 1
            raise TextError(f"Log4j has no such level: use {close.lower()}", line)


def _python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(text)
        if missing := undefined(text):
            raise missing


def _xml(text: str) -> None:
    def refuse(*_: Any) -> None:
        raise TextError("it declares an entity, which is not read", parser.CurrentLineNumber)

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.Parse(text, True)


_FORMS: Final = {
    "json": "JSON",
    "ipynb": "JSON",
    "yaml": "YAML",
    "yml": "YAML",
    "toml": "TOML",
    "ini": "ini",
    "xml": "XML",
    "svg": "XML",
    "py": "Python",
    "properties": "properties",
}
"""By the extension of a file."""
_PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "JSON": _json,
    "YAML": _yaml,
    "TOML": tomllib.loads,
    "ini": _ini,
    "XML": _xml,
    "properties": _properties,
    "Python": _python,
}
