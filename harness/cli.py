"""The `harness` command: a map of the commands, each of which lives in the `command` module of its package."""

import importlib
import sys
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from brewery.errors import BreweryError
from harness.console import print_error
from harness.errors import HarnessError


class Place(NamedTuple):
    """Where a command is: a function of a module, or a Typer app of it, and the panel of the help that lists it."""

    module: str
    attribute: str
    panel: str


COMMANDS: Final = {
    "run": Place("harness.pipeline.embedded.command", "run", "Pipeline"),
    "mock-api": Place("harness.pipeline.mock_api.command", "mock_api", "Pipeline"),
    "report": Place("harness.pipeline.report.command", "report", "Pipeline"),
    "bench": Place("harness.bench.command", "bench", "Pipeline"),
    "render": Place("harness.manifests.command", "render", "Platform"),
    "validate": Place("harness.validate.command", "validate", "Platform"),
    "diff": Place("harness.review.command", "diff", "Platform"),
    "deploy": Place("harness.clusters.deploy.command", "deploy", "Platform"),
    "e2e": Place("harness.clusters.e2e.command", "e2e", "Platform"),
    "images": Place("harness.clusters.images.command", "app", "Platform"),
    "secrets": Place("harness.clusters.secrets.command", "app", "Platform"),
    "cluster": Place("harness.clusters.kind.command", "app", "Platform"),
    "docker": Place("harness.clusters.docker.command", "app", "This machine"),
    "setup": Place("harness.machine.command", "setup", "This machine"),
    "doctor": Place("harness.doctor.command", "doctor", "This machine"),
}


class Commands(TyperGroup):
    """Imports a command when it is asked for: none waits for what only another one needs.

    The signatures are Click's, with Typer's own context; hence the checks that are silenced.
    """

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """Names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002
        """The command of a name, or None."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        found = getattr(importlib.import_module(place.module), place.attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(cmd_name)(function)
        command: Any = get_command(found)
        command.rich_help_panel = place.panel
        return command


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Runs, renders, validates and reviews the lakehouse platform.",
)


@app.callback()
def _harness() -> None:
    """Makes Typer build a group."""


def main() -> None:
    """Entry point: an error that the user can act on is one red sentence, not a traceback."""
    try:
        app()
    except HarnessError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except BreweryError as error:
        print_error(error)
        sys.exit(1)
