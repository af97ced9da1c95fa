"""Asks the code of the programs that read texts whether they would accept them (`tools/texts`)."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.machine.process import telling_line
from harness.manifests.cache import Cache
from harness.manifests.kubernetes_yaml import Step
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import json_line

_LEAST: Final = 4
"""Letters of a quotation that is not closed."""
_BRACKETS: Final = re.compile(r"[(){}\[\]]")
_DEEPEST: Final = 5_000
_AGAIN: Final = re.compile(r"\b(?:multiple|repeated|twice|duplicate)\b")


@dataclass(frozen=True)
class Reading:
    """A text, and the program that reads it.

    Attributes:
        path: The field that holds it.
        form: As tools/texts names it.
        said: What its resource has, as the middle of a sentence.
        first: The line of the field's text at which this one starts; None where its lines are not that text's.
        legend: Of a query.
        objects: Of Lua: resources to try it on.
        libraries: Of Lua: whether all of its libraries are there.
        actions: Of a discovery: the actions that there are; None where others may be.
        variables: Of a script: the variables that it is given; None where they are not known.
    """

    rule: ValidationRule
    resource: BuiltResource
    path: tuple[Step, ...]
    form: str
    text: str
    said: str
    first: int | None = 1
    legend: str = ""
    objects: list[dict[str, Any]] = field(default_factory=list)
    libraries: bool = False
    actions: list[str] | None = None
    variables: list[str] | None = None

    @property
    def asked(self) -> dict[str, Any]:
        names = ("form", "text", "legend", "objects", "libraries", "actions", "variables")
        return {name: value for name in names if (value := getattr(self, name)) not in (None, "", False)}


def judge(
    readings: Sequence[Reading], knowledge: dict[str, Any], about_labels: ValidationRule
) -> Iterator[Violation]:
    """What the programs refuse; what they only read in vain, for a label is missing, is another rule's.

    Raises:
        HarnessError: The program is unavailable.
    """
    from harness.machine.tools import ask, tool_folder

    yield from (_too_deep(reading) for reading in readings if _is_deep(reading.text))
    readings = [reading for reading in readings if not _is_deep(reading.text)]
    if not readings:
        return
    request = json.dumps({**knowledge, "texts": [reading.asked for reading in readings]})
    cache, key = Cache("texts"), content_key(tool_folder("texts").name, request)
    answer = cache.get(key)
    if answer is None:
        done = ask("texts", text=request)
        if done.returncode != 0:
            raise HarnessError(f"texts failed ({telling_line(done.stderr)}): run 'harness doctor'.")
        answer = json.loads(done.stdout)
        cache.put(key, answer)
    told: set[tuple[int, str]] = set()
    for item in answer:
        index, detail = item["index"], item["detail"].strip().rstrip(".")
        if (index, detail) in told:
            continue
        told.add((index, detail))
        reading = readings[index]
        line = item["line"] or line_of_path(reading.text, item["path"])
        line = line or line_of(reading.text, detail, item["first"], item["last"]) or item["first"]
        at = f", line {line}" if line and "\n" in reading.text else ""
        said = reading.said.partition(" that ")[0] if item["labels"] else reading.said
        message = f"{reading.resource} has {said}: {detail}{at}."
        rule = about_labels if item["labels"] else reading.rule
        # A query's own lines are one line of the JSON that holds it.
        below = line - 1 if line and reading.form not in ("query", "column") else 0
        in_lines = reading.first + below if reading.first and (line or reading.first > 1) else None
        yield Violation(rule, message, reading.resource, reading.path, in_lines)


def _is_deep(text: str) -> bool:
    """Whether brackets are nested so deep that parsers, whose time grows with the square of that, take minutes."""
    depth = 0
    for bracket in (
        _BRACKETS.findall(text) if text.count("(") + text.count("[") + text.count("{") > _DEEPEST else ()
    ):
        depth += 1 if bracket in "([{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _too_deep(reading: Reading) -> Violation:
    message = f"{reading.resource} has {reading.said}: it is nested more than {_DEEPEST:,} levels deep."
    return Violation(reading.rule, message, reading.resource, reading.path, reading.first)


def line_of_path(text: str, path: str) -> int | None:
    r"""The line of a field in a text that is JSON.

    >>> line_of_path('{"panels": [\n{"id": 1},\n{"id": "x"}]}', "panels[1].id")
    3
    """
    if not path:
        return None
    steps = [int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
    return json_line(text, tuple(steps))


def line_of(text: str, detail: str, start: int = 0, end: int = 0) -> int | None:
    r"""The one line, from `start` to `end` if given, that has what a message quotes, the last of that first.

    >>> line_of("a: b\nfor: 10 days\n", 'unknown unit " days" in duration "10 days"')
    2
    """
    quoted = reversed(re.findall(r'"([^"]+)"|(?<!\w)\'([^\']+)\'(?!\w)|`(?:\^\(\?s?:)?(.+?)(?:\)\$)?`', detail))
    named = re.findall(r"[a-z]+(?: [a-z]+)+", detail)
    patterns = [rf"(?<!\w){re.escape(''.join(choices))}(?!\w)" for choices in quoted]
    if len(tail := detail.rpartition(": ")[2]) >= _LEAST:
        patterns.append(re.escape(tail))
    # `scrape timeout greater than scrape interval` is about the first of the two.
    patterns += [rf"^\W*{words}:" for phrase in named for words in _keys(phrase)]
    patterns += [rf"^\W*{key}:" for key in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", detail)]
    for pattern in patterns:
        numbers = [
            number
            for number, line in enumerate(text.splitlines(), 1)
            if start <= number <= (end or number) and re.search(pattern, line)
        ]
        if len(numbers) == 1 or (numbers and _AGAIN.search(detail)):
            return numbers[-1]
    return None


def _keys(phrase: str) -> list[str]:
    """The keys of two words that a phrase may name."""
    words = phrase.split()
    return [f"{first}_{second}" for first, second in itertools.pairwise(words)]
