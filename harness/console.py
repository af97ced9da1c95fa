"""The shared Rich consoles: results go to `out`, progress and errors to `err`."""

from rich.console import Console
from rich.markup import escape

out = Console()
err = Console(stderr=True)


def print_error(error: Exception) -> None:
    """Says on the standard error what went wrong; brackets in the message are no markup."""
    err.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
