"""The flags of programs in the arguments of containers: unknown ones, values that cannot be read, undeclared ports.

`flags.json`, beside this file, has the flags of each program, with what its value has to be, as the program's
sources declare them; a test compares it with these.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.images import reference
from harness.manifests.quantity import quantity
from harness.manifests.values import dig, mappings, sequence
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import resources
from harness.validate.model import Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mounted_places

LH215: Final = ValidationRule(
    "LH215",
    "A program knows its flags, can read their values, and listens on ports that its container declares",
    "It does not start, or nobody finds its port.",
)

FILE: Final = Path(__file__).with_name("flags.json")
_IMAGES: Final = re.compile(r"(?:^|/)(?:(spark-operator)/(?:spark-operator|controller)|([\w-]+))$")
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_KINGPIN: Final = frozenset({"alertmanager", "postgres-exporter", "prometheus", "statsd-exporter"})
"""Programs that read their command lines by kingpin; the others' parsers are Go's and pflag."""
VALUES: Final = {
    "bool": (re.compile(r"1|0|t|f|true|false", re.IGNORECASE), "true or false"),
    "int": (re.compile(r"[-+]?\d+"), "a whole number"),
    "uint": (re.compile(r"\d+"), "a whole number that is not negative"),
    "float": (re.compile(rf"{_NUMBER}(?:e[-+]?\d+)?", re.IGNORECASE), "a number"),
    "duration": (re.compile(r"0|[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+"), "a duration such as 1m30s"),
    "days": (
        re.compile(r"0|(?=\d)(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?"),
        "a duration such as 15d",
    ),
    "bytes": (re.compile(r"0|\d+(?:\.\d+)?(?:[KMGTPE]i?)?B", re.IGNORECASE), "a size such as 512MB"),
}
"""What Go's parsers, Prometheus' and kingpin's take."""
_LISTENS: Final = re.compile(r"(?:^|[.-])(?:listen-address|bind-address|listen-udp|listen-tcp|port)$")
_RETENTION: Final = "storage.tsdb.retention.size"
_FOLDER: Final = "storage.tsdb.path"
_DATA: Final = frozenset({_FOLDER, "storage.path"})
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([BKMGTPE])i?B?", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:(?:0\.0\.0\.0|\[::\])?:)?(\d{2,5})")


def check(environment: Environment) -> Iterator[Violation]:
    """Finds flags that keep a program from starting, or from being found."""
    for pod in environment.pods:
        for path, container, _ in pod.containers():
            name, known = program_of(container)
            declared = [port.get("containerPort") for port in mappings(container.get("ports"))]
            arguments = [str(word) for word in sequence(container.get("args"))] if known else []
            for index, said in _unread(arguments, known) if name in _KINGPIN else ():
                message = f"{pod.owner} passes {arguments[index].partition('=')[0]} to {name}, {said}."
                yield Violation(LH215, message, pod.owner, (*path, "args", index))
            for index, flag, value in flags_in(arguments):
                kind = _kind(flag, known)
                said = (
                    (_unknown(flag, known) if kind is None else rejected(kind, value))
                    or _nowhere(name, flag, value, environment)
                    or _undeclared(flag, value, declared)
                    or _beyond(flag, value, arguments, container, pod)
                    or _unwritable(flag, value, container)
                )
                if said:
                    message = f"{pod.owner} passes --{flag} to {name}, {said}."
                    yield Violation(LH215, message, pod.owner, (*path, "args", index))


def program_of(container: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The program that a container runs and its flags; none for one that is not known.

    >>> program_of({"image": "quay.io/prometheus/alertmanager:v1"})[0], program_of({"image": "nginx"})
    ('alertmanager', ('', {}))
    """
    repository, _, _ = reference(str(container.get("image") or ""))
    match = _IMAGES.search(repository)
    name = (match[1] or match[2]) if match else ""
    command = sequence(container.get("command"))
    runs = posixpath.basename(str(command[0])) if command else name
    if name not in programs() or runs.replace("_", "-") != name:
        return "", {}
    return name, programs()[name]


def flags_in(words: Sequence[str]) -> Iterator[tuple[int, str, str | None]]:
    """The long flags among words: (index, name, value or None where it is the next word, or there is none)."""
    for index, word in enumerate(words):
        if word == "--":
            return
        if word.startswith("--") and "$(" not in word:
            name, equals, value = word[2:].partition("=")
            yield index, name, value if equals else None


def _unread(arguments: list[str], known: dict[str, str]) -> Iterator[tuple[int, str]]:
    """What kingpin refuses of a command line: words that are no flags, flags without a value or there twice."""
    seen: set[str] = set()
    wanted = ""
    for index, word in enumerate(arguments):
        if word == "--" or any("$(" in other for other in arguments):
            return
        name, equals, _ = word.removeprefix("--").partition("=")
        kind = _kind(name, known) if word.startswith("--") else None
        if not word.startswith("-"):
            if not wanted:
                instead = f": use --{name}" if _kind(name, known) is not None else ""
                yield index, f"which is no flag{instead}"
        elif not word.startswith("--"):
            name = name.lstrip("-")
            instead = f": use --{name}" if _kind(name, known) is not None else ""
            if len(name) > 1 and not wanted:
                yield index, f"which is no flag{instead}"
        elif kind is not None and kind.partition(" ")[0] not in ("list", "some") and name in seen:
            yield index, "which is there twice: it takes it once"
        seen.add(name)
        wanted = name if kind not in (None, "any", "switch") and not equals else ""
    if wanted:
        yield len(arguments) - 1, "which needs a value"


def _kind(flag: str, known: dict[str, str]) -> str | None:
    """What the value of a flag has to be; None for one that is not known. `no-` in front turns a switch off."""
    names = (flag, flag.removeprefix("no-"))
    starts = (start for start in known if start.endswith("."))
    return next(
        (known[name] for name in names if name in known),
        next((known[start] for start in starts if any(name.startswith(start) for name in names)), None),
    )


def _unknown(flag: str, known: dict[str, str]) -> str:
    close = closest(flag, known, 0.75)
    return "which it does not know" + (f": use --{close}" if close else ": remove it")


def rejected(kind: str, value: str | None) -> str:
    """Why a value of a kind is refused, as the end of a sentence; empty where it is taken.

    >>> rejected("days", "30days"), rejected("enum a|b", "a")
    ('which has to be a duration such as 15d', '')
    """
    kind, _, choices = kind.partition(" ")
    if value is None:
        return ""
    if kind == "switch":
        return "which takes no value: leave it out, or write --no- before its name"
    if kind == "some":
        unknown = next((one for one in value.split(",") if one and one not in choices.split("|")), "")
        close = closest(unknown, choices.split("|"))
        return f"which has no {unknown}{f': use {close}' if close else ''}" if unknown else ""
    if kind == "enum":
        return "" if value in choices.split("|") else f"which has to be {' or '.join(choices.split('|'))}"
    if kind in VALUES and not VALUES[kind][0].fullmatch(value):
        return f"which has to be {VALUES[kind][1]}"
    return ""


def _nowhere(program: str, flag: str, value: str | None, environment: Environment) -> str:
    """What a list of resources or namespaces has that is not there."""
    names = [name for name in (value or "").split(",") if name and name != "*"]
    if flag == "namespaces":
        what, there = "namespace", list(environment.namespaces)
    elif (program, flag) == ("kube-state-metrics", "resources"):
        what, there = "resource", sorted({name for _, name in resources((), set()) if "/" not in name})
    else:
        return ""
    absent = next((name for name in names if name not in there), None)
    if absent is None:
        return ""
    close = closest(absent, there)
    return f"which names the {what} {absent}, that does not exist" + (f": use {close}" if close else "")


def _undeclared(flag: str, value: str | None, declared: list[Any]) -> str:
    match = _ADDRESS.fullmatch(value or "") if _LISTENS.search(flag) else None
    if match is None or not declared or int(match[1]) in declared:
        return ""
    return f"on which its container has no port: it declares {', '.join(map(str, declared))}"


def _beyond(flag: str, value: str | None, arguments: list[str], container: dict[str, Any], pod: Pod) -> str:
    """Whether what Prometheus keeps is more than the volume that it is kept in."""
    size = _SIZE.fullmatch(value or "") if flag == _RETENTION else None
    folder = next((path for _, name, path in flags_in(arguments) if name == _FOLDER and path), None)
    if size is None or folder is None:
        return ""
    mounts = mappings(container.get("volumeMounts"))
    volume = next((mount.get("name") for mount in mounts if mount.get("mountPath") == folder), None)
    claims = mappings(dig(pod.owner.value, "spec", "volumeClaimTemplates"))
    claim = next((claim for claim in claims if dig(claim, "metadata", "name") == volume), None)
    room = quantity(dig(claim, "spec", "resources", "requests", "storage"))
    kept = float(size[1]) * 1024 ** "BKMGTPE".index(size[2].upper())
    return "" if room is None or kept <= room else f"which is more than the volume at {folder} holds"


def _unwritable(flag: str, value: str | None, container: dict[str, Any]) -> str:
    """Whether a program keeps its data where nothing is mounted and its container may not write."""
    if flag not in _DATA or not value or not value.startswith("/"):
        return ""
    is_mounted = any(f"{posixpath.normpath(value)}/".startswith(f"{path}/") for path in mounted_places(container))
    if is_mounted or dig(container, "securityContext", "readOnlyRootFilesystem") is not True:
        return ""
    return "where it cannot write: it mounts no volume there, and its root is read-only"


@cache
def programs() -> dict[str, dict[str, str]]:
    """The flags of each program, and what their values have to be."""
    known: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return known
