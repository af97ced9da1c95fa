import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from harness.cli import app
from tests.conftest import ROOT
from tests.docs.markdown import PAGES, snippets

TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def problem(line: str) -> str:
    """Why a `harness` command line is wrong; empty when it is right."""
    command: Any = get_command(app)
    context = typer.Context(command)
    words = shlex.split(re.sub(r"[\[\]…]", "", line), comments=True)
    while words:
        word, *words = words
        if word in {"|", ">", "&&", ";", "-->"}:
            break
        options = {name: option for option in command.get_params(context) for name in option.opts}
        if word.startswith("-") and word != "-":
            if word.partition("=")[0] not in {*options, "--help"}:
                return f"{line!r} has no option {word}"
            if "=" not in word and not getattr(options.get(word), "is_flag", True):
                words = words[1:]
        elif hasattr(command, "get_command") and word.islower():
            if command.get_command(context, word) is None:
                return f"{line!r} has no command {word}"
            _, command, words = command.resolve_command(context, [word, *words])
            context = typer.Context(command, parent=context)
    return ""


def commands(page: Path, program: str) -> list[str]:
    """What follows the program's name in the page's code."""
    call = re.compile(rf"(?:^|[ (/]){program} (?=[a-z-])(.+)")
    lines = [snippet.text.partition(" # ")[0] for snippet in snippets(page)]
    return [match[1] for line in lines if (match := call.search(line))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_harness_command_exists_with_its_options(page: Path) -> None:
    assert [why for line in commands(page, "harness") if (why := problem(line))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_exists(page: Path) -> None:
    assert [line for line in commands(page, "make") if line.split()[0] not in TARGETS] == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("valdate", "{!r} has no command valdate"),
        ("images biuld e2e", "{!r} has no command biuld"),
        ("run --brewerys 3", "{!r} has no option --brewerys"),
        ("validate minikube --fail-on high", "{!r} has no option --fail-on"),
        ("secrets apply --context kind", ""),
        ("diff init --print", ""),
        ("diff init --fail-on high", "{!r} has no option --fail-on"),
        ("diff BASE [HEAD] --format html | less", ""),
    ],
)
def test_a_wrong_command_is_recognised(line: str, why: str) -> None:
    assert problem(line) == why.format(line)
