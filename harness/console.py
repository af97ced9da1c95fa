"""The shared Rich consoles: results go to `out`, progress and errors to `err`."""

from rich.console import Console

out = Console()
err = Console(stderr=True)
