"""The `harness` command: a map of the commands, which live in the `command` module of their package."""

import sys

import typer

from harness.console import print_error
from harness.doctor.command import doctor
from harness.embedded.command import run
from harness.errors import HarnessError
from harness.mock_api.command import mock_api
from harness.report.command import report
from harness.setup.command import setup

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Runs, renders, validates and reviews the lakehouse platform.",
)
app.command("run", rich_help_panel="Pipeline")(run)
app.command("mock-api", rich_help_panel="Pipeline")(mock_api)
app.command("report", rich_help_panel="Pipeline")(report)
app.command("setup", rich_help_panel="This machine")(setup)
app.command("doctor", rich_help_panel="This machine")(doctor)


def main() -> None:
    """Entry point: an error that the user can act on is one red sentence, not a traceback."""
    try:
        app()
    except HarnessError as error:
        print_error(error)
        sys.exit(error.exit_code)
