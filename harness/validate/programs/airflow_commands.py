"""Airflow's commands in containers, and the pods that it makes of a template.

`airflow-commands.json`, beside this file, has the commands of the pinned Airflow and its providers, each with its
own commands or its options; a test compares it with what is installed.
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
from harness.manifests.pods import pods_of
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.programs.airflow import LH211
from harness.validate.texts.mounts import mounted_files
from harness.validate.texts.scripts import argument_path, called, commands
from harness.validate.texts.variables import each_variable

FILE: Final = Path(__file__).with_name("airflow-commands.json")
_OTHERS: Final = frozenset({"celery"})
"""Commands of providers that are not installed here."""
_PASSED: Final = re.compile(r"[a-z][a-z-]*")
_STARTED: Final = frozenset({"airflow", "bash", "sh", "python", "python3", "dumb-init", "tini"})
"""What the image's entry point starts as it is; anything else is a command of Airflow."""
_IN_SCRIPT: Final = re.compile(
    r"(?:^|[;&|(]|\b(?:exec|then|do|else)\s)[ \t]*airflow((?: +[\w.=/:,@-]+)+)", re.MULTILINE
)
_TEMPLATE: Final = "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"
_TASK: Final = "base"

Tree = dict[str, Any]
"""Commands by name: each a tree, or the list of a command's options, such as `--local` or `--color=on|off`."""


def check(environment: Environment) -> Iterator[Violation]:
    """Finds commands that Airflow does not know, and templates of which the pods of tasks never end."""
    for pod in environment.pods:
        for place, container, _ in pod.containers():
            repository, tag, _ = reference(str(container.get("image") or ""))
            # Airflow 3 has other commands.
            if "airflow" not in repository or re.match(r"v?[3-9]\.", tag):
                continue
            for path, words in commands(container):
                is_passed = "command" not in container and path == ()
                for index, said in _problems(words, is_passed=is_passed):
                    where = (*place, *argument_path(container, path, index))
                    name = container.get("name")
                    yield Violation(LH211, f"{pod.owner} {name} runs {said}.", pod.owner, where)
    for template in _templates(environment):
        yield from _of_template(template)


def _problems(words: Sequence[str], *, is_passed: bool) -> Iterator[tuple[int, str]]:
    _, _, script = called(words)
    if script is not None:
        for match in _IN_SCRIPT.finditer(words[script]):
            for _, said in problems(match[1].split()):
                yield script, said
    elif words and posixpath.basename(words[0]) == "airflow":
        yield from ((index + 1, said) for index, said in problems(words[1:]))
    elif words and is_passed and words[0] not in _STARTED and _PASSED.fullmatch(words[0]):
        yield from problems(words)


def problems(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """What Airflow's command line refuses: (the word's index, the middle of a sentence).

    >>> list(problems(["db", "migarte"]))
    [(1, "'airflow db migarte', which Airflow does not know: use migrate")]
    """
    known: Tree | list[str] = tree()
    for index, word in enumerate(words):
        if "$" in word:
            return
        said = f"'airflow {' '.join(words[: index + 1])}'"
        if isinstance(known, list):
            yield from ((index, f"{said}, {wrong}") for wrong in _wrong(word, words[index + 1 :], known))
            continue
        if word in ("-h", "--help") or word in _OTHERS:
            return
        if word not in known:
            close = closest(word, known)
            instead = f"use {close}" if close else f"it knows {', '.join(sorted(known))}"
            yield index, f"{said}, which Airflow does not know: {instead}"
            return
        known = known[word]
    if words and isinstance(known, dict):
        said = f"'airflow {' '.join(words)}', which needs one of {', '.join(sorted(known))}"
        yield len(words) - 1, said


def _wrong(word: str, rest: Sequence[str], known: list[str]) -> Iterator[str]:
    """What is wrong with an option, as the end of a sentence."""
    option, equals, value = word.partition("=")
    if not option.startswith("--"):
        return
    choices = dict(one.partition("=")[::2] for one in known)
    # argparse takes the start of an option for the option.
    full = option if option in choices else next((one for one in choices if one.startswith(option)), "")
    if not full:
        close = closest(option, choices)
        yield f"which has no {option}" + (f": use {close}" if close else "")
        return
    value = value if equals else next(iter(rest), "")
    if choices[full] and value and "$" not in value and value not in choices[full].split("|"):
        yield f"where {full} may be {' or '.join(choices[full].split('|'))}"


def _templates(environment: Environment) -> Iterator[BuiltResource]:
    """The manifests of which Airflow makes the pods of tasks."""
    named = {variable.value for variable in each_variable(environment) if variable.name == _TEMPLATE}
    files = (
        {(file.config.key, file.key) for file in mounted_files(environment) if file.path in named} if named else ()
    )
    for resource in environment.embedded:
        if resource.parent and resource.kind == "Pod" and (resource.parent.key, resource.inside[1]) in files:
            yield resource


def _of_template(template: BuiltResource) -> Iterator[Violation]:
    for pod in pods_of(template):
        policy = pod.spec.get("restartPolicy") or "Always"
        if policy != "Never":
            message = f"{template} is the template of tasks, and has the restartPolicy {policy}: set it to Never."
            yield Violation(LH211, message, template, (*pod.spec_path, "restartPolicy"))
        names = [str(container.get("name")) for _, container, first in pod.containers() if not first]
        if _TASK in names[1:]:
            message = (
                f"{template} is the template of tasks, and its first container is {names[0]}: put {_TASK} first."
            )
            yield Violation(LH211, message, template, (*pod.spec_path, "containers", names[0]))


@cache
def tree() -> Tree:
    commands: Tree = json.loads(FILE.read_text(encoding="utf-8"))
    return commands
