"""The `harness` command."""

import sys

import typer

from harness.console import err
from harness.errors import HarnessError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Runs, renders, validates and reviews the lakehouse platform.",
)


@app.callback()
def _harness() -> None:
    """Makes Typer treat `harness` as a group even while it has one command."""


def main() -> None:
    """Entry point: an error that the user can act on is one red sentence, not a traceback."""
    try:
        app()
    except HarnessError as error:
        err.print(f"[bold red]error[/]: {error}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
