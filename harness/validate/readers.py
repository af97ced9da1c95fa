"""Asks the code of the programs that read texts whether they would accept them (`tools/texts`)."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.machine.process import telling_line
from harness.manifests.cache import Cache
from harness.manifests.kubernetes_yaml import Step
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource
from harness.validate.rule import ValidationRule


@dataclass(frozen=True)
class Reading:
    """A text, and the program that reads it.

    Attributes:
        path: The field that holds it.
        form: As tools/texts names it.
        said: What its resource has, as the middle of a sentence.
        legend: Of a query.
        objects: Of a health check: resources to try it on.
        libraries: Of a health check: whether all of Lua's libraries are there.
    """

    rule: ValidationRule
    resource: BuiltResource
    path: tuple[Step, ...]
    form: str
    text: str
    said: str
    legend: str = ""
    objects: list[dict[str, Any]] = field(default_factory=list)
    libraries: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        names = ("form", "text", "legend", "objects", "libraries")
        return {name: value for name in names if (value := getattr(self, name))}


def judge(
    readings: Sequence[Reading], knowledge: dict[str, Any], about_labels: ValidationRule
) -> Iterator[Violation]:
    """What the programs refuse; what they only read in vain, for a label is missing, is another rule's.

    Raises:
        HarnessError: The program is unavailable.
    """
    from harness.machine.tools import tool, tool_folder

    if not readings:
        return
    request = json.dumps({**knowledge, "texts": [reading.asked for reading in readings]})
    cache, key = Cache("texts"), content_key(tool_folder("texts").name, request)
    answer = cache.get(key)
    if answer is None:
        done = subprocess.run([tool("texts")], input=request, capture_output=True, text=True, check=False)
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
        line = item["line"] or line_of(reading.text, detail)
        at = f", line {line}" if line and "\n" in reading.text else ""
        said = reading.said.partition(" that ")[0] if item["labels"] else reading.said
        message = f"{reading.resource} has {said}: {detail}{at}."
        rule = about_labels if item["labels"] else reading.rule
        in_lines = line if at and reading.path[0] == "data" and reading.form != "query" else None
        yield Violation(rule, message, reading.resource, reading.path, in_lines)


def line_of(text: str, detail: str) -> int | None:
    r"""The one line that has what a message quotes, the last of that first.

    >>> line_of("a: b\nfor: 10 days\n", 'unknown unit " days" in duration "10 days"')
    2
    """
    lines = text.splitlines()
    for quoted in reversed(re.findall(r'"([^"]+)"', detail)):
        numbers = [
            number for number, line in enumerate(lines, 1) if re.search(rf"(?<!\w){re.escape(quoted)}(?!\w)", line)
        ]
        if len(numbers) == 1:
            return numbers[0]
    return None
