"""Options of Java that keep it from starting.

`java.txt`, beside this file, has the options of HotSpot (`-XX:`) in the Java that Spark runs on, each with the kind
of its value, and with what unlocks it; a test compares it with a Java 17.
"""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from harness.errors import closest
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.variables import each_variable

LH217: Final = ValidationRule(
    "LH217", "Java knows its options, and can read their values", "The virtual machine does not start."
)

FILE: Final = Path(__file__).with_name("java.txt")
VARIABLES: Final = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "SPARK_SUBMIT_OPTS", "JAVA_OPTS"})
"""Variables that Java reads, or that programs hand to it."""
_SIZE: Final = r"\d+[kKmMgGtT]?"
_VALUES: Final = {
    **dict.fromkeys(
        ("int", "uint", "intx", "uintx", "size_t", "uint64_t"),
        (rf"-?(?:{_SIZE}|0x[0-9a-fA-F]+)", "a whole number"),
    ),
    "double": (r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", "a number"),
}
_HEAP: Final = re.compile(r"-X(?:ms|mx|mn|ss)(.*)")
_TAKES_NEXT: Final = frozenset(
    {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens", "--add-exports"}
    | {"--add-reads", "--enable-native-access", "--limit-modules", "--patch-module", "--upgrade-module-path"}
)
_UNLOCKS: Final = {"diagnostic": "UnlockDiagnosticVMOptions", "experimental": "UnlockExperimentalVMOptions"}
_LENIENT: Final = "-XX:+IgnoreUnrecognizedVMOptions"
_ALIKE: Final = 0.85


def check(environment: Environment) -> Iterator[Violation]:
    """Finds options in variables that Java or its starters read."""
    for variable in each_variable(environment):
        if variable.name in VARIABLES and (said := problem_of(variable.value or "")):
            message = f"{variable.resource} sets {variable.name}, {said}."
            yield Violation(LH217, message, variable.resource, variable.path)


def problem_of(text: str) -> str:
    """The first thing that Java refuses in options, as the end of a sentence; empty for nothing.

    >>> problem_of("-XX:+UseG1GC -XX:+UseStringDeduplicaton")
    'in which Java does not know -XX:+UseStringDeduplicaton: use UseStringDeduplication'
    """
    try:
        words = shlex.split(text)
    except ValueError:
        return "in which a quotation is not closed"
    if any("$(" in word or "{{" in word for word in words) or _LENIENT in words:
        return ""
    before = ""
    for word in words:
        if said := _option(word, words) if word.startswith("-") else _class(word, before):
            return said
        before = word
    return ""


def _class(word: str, before: str) -> str:
    return (
        "" if before in _TAKES_NEXT or word.startswith("@") else f"in which Java takes {word} for the class to run"
    )


def _option(word: str, words: list[str]) -> str:
    if heap := _HEAP.fullmatch(word):
        return "" if re.fullmatch(_SIZE, heap[1]) else f"in which {word} has to have a size such as 512m"
    match = re.fullmatch(r"-XX:([+-]?)(\w+)(?:=(.*))?", word)
    if match is None:
        return ""
    sign, name, value = match[1], match[2], match[3]
    kind, _, lock = options().get(name, "").partition(" ")
    if not kind:
        close = closest(name, options(), _ALIKE)
        return f"in which Java does not know {word}: use {close}" if close else ""
    unlock = _UNLOCKS.get(lock, "")
    if unlock and f"-XX:+{unlock}" not in words:
        return f"in which {word} needs -XX:+{unlock} before it"
    if kind == "bool":
        return "" if sign and value is None else f"in which {word} has to be -XX:+{name} or -XX:-{name}"
    if sign or value is None:
        return f"in which {word} has to be -XX:{name}=VALUE"
    pattern, wanted = _VALUES.get(kind, (".*", ""))
    return "" if re.fullmatch(pattern, value) else f"in which {word} has to have {wanted}"


@cache
def options() -> dict[str, str]:
    """The kind of each option of HotSpot, and `diagnostic` or `experimental` where it has to be unlocked."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return {name: kind for name, _, kind in (line.partition(" ") for line in lines)}
