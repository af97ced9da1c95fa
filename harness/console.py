"""The shared Rich consoles: results go to `out`, progress and errors to `err`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.errors import LiveError
from rich.markup import escape

out = Console()
err = Console(stderr=True)


def print_error(error: Exception) -> None:
    """Says on the standard error what went wrong; brackets in the message are no markup."""
    err.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Shows on the standard error what is being done, while it is; yields what changes the text.

    Within another display it shows nothing: Rich has one at a time.
    """
    status = err.status(escape(text))
    try:
        status.start()
    except LiveError:
        yield lambda _: None
        return
    try:
        yield lambda line: status.update(escape(line))
    finally:
        status.stop()
