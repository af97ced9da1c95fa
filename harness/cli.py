"""The `harness` command: a map of the commands, each of which lives in the `command` module of its package."""

import errno
import importlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Annotated, Any, Final, NamedTuple, NoReturn

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException
from typer.main import get_command

from brewery.contract.errors import PipelineError
from harness.console import exit_code_of
from harness.conversion import Conversion
from harness.errors import STOPS, HarnessError, UsageError, interrupted
from harness.exits import ExitCode
from harness.signals import ending_at_once


class Entry(NamedTuple):
    """A package whose `command` module has the command, and how the help lists it."""

    package: str
    panel: str
    summary: str
    extra: str = ""
    """The extra of pyproject.toml with the packages that the command needs."""
    from_checkout: bool = False
    """Whether it needs more of the project than a wheel holds."""


_PIPELINE, _PLATFORM, _MACHINE = "Pipeline", "Platform", "This machine"
COMMANDS: Final = {
    "run": Entry(
        "pipeline.embedded", _PIPELINE, "Run the whole pipeline on this machine, API to report.", "pipeline"
    ),
    "mock-api": Entry("pipeline.mock_api", _PIPELINE, "Serve a mock of the Open Brewery DB v1 API."),
    "report": Entry("pipeline.report", _PIPELINE, "Write the HTML report of an existing lakehouse.", "pipeline"),
    "quarantine": Entry(
        "pipeline.quarantine", _PIPELINE, "List, accept or discard runs that the snapshot gate refused.", "pipeline"
    ),
    "bench": Entry("bench", _PIPELINE, "Time the pipeline and the overlay review.", "pipeline", True),
    "render": Entry("manifests", _PLATFORM, "Build the overlay of an environment."),
    "init": Entry("init", _PLATFORM, "Set the repository, the registry and the AWS account of an environment."),
    "validate": Entry("validate", _PLATFORM, "Check overlays: schemas, references, wave order, policy, parity."),
    "diff": Entry("review", _PLATFORM, "Review what a change does to each environment, and its risks."),
    "diff init": Entry("review.init", _PLATFORM, "Write a starting configuration of the review to pyproject.toml."),
    "deploy": Entry(
        "clusters.deploy", _PLATFORM, "Deploy a checkout to a cluster through Argo CD.", "cluster", True
    ),
    "up": Entry(
        "clusters.up",
        _PLATFORM,
        "Bring the platform up on kind and open its pages on this machine.",
        "cluster",
        True,
    ),
    "e2e": Entry("clusters.e2e", _PLATFORM, "Prove the platform end to end on a kind cluster.", "cluster", True),
    "images": Entry(
        "clusters.images", _PLATFORM, "List, build, pull, load, save and release the images.", "cluster", True
    ),
    "secrets": Entry("clusters.secrets", _PLATFORM, "Create, rotate and show the platform's Secrets.", "cluster"),
    "cluster": Entry("clusters.kind", _PLATFORM, "Run a kind cluster on this machine.", "cluster", True),
    "docker": Entry("clusters.docker", _MACHINE, "Install, start and stop Docker."),
    "setup": Entry("machine", _MACHINE, "Fetch ahead of time what other commands fetch on first use.", "", True),
    "doctor": Entry("doctor", _MACHINE, "Show what this machine has and lacks, and how to get it.", "", True),
}


for parameter in (TyperArgument, TyperOption):
    setattr(parameter, "get_runtime_param", lambda _: Conversion())  # noqa: B010 - mypy allows no assignment


class Commands(TyperGroup):
    """Lists its commands from the map and imports only the one that is invoked."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _plain(self)
        self.commands = {name: TyperCommand(name, help=entry.summary) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (words := " ".join(args[:2])) in COMMANDS:
            args = [words, *args[2:]]
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load(args[0]), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        for panel, entries in groupby(COMMANDS.items(), lambda item: item[1].panel):
            with formatter.section(panel):
                formatter.write_dl([(name, entry.summary) for name, entry in entries])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _stopped():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _stopped():
            return super().invoke(ctx)


@contextmanager
def _stopped() -> Iterator[None]:
    """Turns what stops a command into its exit code before Typer picks one of its own."""
    try:
        yield
    except KeyboardInterrupt as request:
        raise interrupted(request) from None
    except BrokenPipeError:
        raise typer.Exit(ExitCode.CLOSED_PIPE) from None


def load(name: str) -> Any:
    entry = COMMANDS[name]
    if entry.extra:
        from harness.machine.extras import require

        require(entry.extra, name)
    if entry.from_checkout:
        from harness.paths import require_source_checkout

        require_source_checkout(name)
    with ending_at_once():
        module = importlib.import_module(f"harness.{entry.package}.command")
    target = getattr(module, "app", None)
    if target is None:
        target = typer.Typer(add_completion=False)
        target.command(name)(getattr(module, re.sub(r"\W", "_", name)))
    command = get_command(target)
    _plain(command)
    return command


def _plain(command: Any) -> None:
    """Help as plain text, which loads fast, can be copied, and keeps the lines of examples."""
    command.rich_markup_mode = None
    paragraphs = (command.help or "").split("\n\n")
    command.short_help = " ".join(paragraphs[0].split())
    command.help = "\n\n".join(f"\b\n{text}" if "\n    " in text else text for text in paragraphs)
    for child in getattr(command, "commands", {}).values():
        _plain(child)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="docs/reference/exit-codes.md lists the exit codes.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"harness {version('lakehouse-platform')}")
        raise typer.Exit


@app.callback()
def _harness(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run, validate, review and deploy the lakehouse platform.

    Examples:
        harness run
        harness diff origin/main
        harness validate minikube
    """


def main() -> NoReturn:
    """Entry point: whatever a user can act on is one sentence and a documented exit code."""
    for number in STOPS:
        # Ignored as in a background job or under nohup, it stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    code = exit_code_of(_run)
    # The interpreter flushes once more when it exits, which must not fail again.
    _discard_unwritten()
    sys.exit(code)


def _run() -> int:
    try:
        code = get_command(app).main(sys.argv[1:], prog_name="harness", standalone_mode=False)
    except TyperException as error:
        return _wrong_use(error)
    except PipelineError as error:
        raise HarnessError(str(error)) from None
    sys.stdout.flush()
    return code or ExitCode.OK


def _wrong_use(error: TyperException) -> int:
    message, context = error.format_message(), getattr(error, "ctx", None)
    if message.startswith("Usage:"):
        # A group without a command: the message is its help.
        typer.echo(message, err=True)
        return ExitCode.USAGE
    path = context.command_path if context else "harness"
    raise UsageError(f"{message.rstrip('.')}{'' if message.endswith('?') else '.'} Try '{path} --help'.")


def _stop(number: int, frame: object) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    """The first signal stops the command; later ones do not disturb what it does to end in good order."""
    for other in STOPS:
        signal.signal(other, signal.SIG_IGN)
    for stream in (1, 2):
        _leave_closed_terminal(stream)
    raise STOPS[number]


def _leave_closed_terminal(stream: int) -> None:
    """Send what a terminal would have shown nowhere: once it is closed, every write to it fails."""
    try:
        os.ttyname(stream)
    except OSError as error:
        if error.errno == errno.EIO:
            _discard(stream)


def _discard_unwritten() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _discard(sys.stdout.fileno())


def _discard(stream: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
