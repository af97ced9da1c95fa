"""Shows images: a row for each that is being built or pulled, a line for each that is done."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.console import err, redraws

_SHOWN = 90
"""Characters of a program's output that fit beside an image's name."""


class Display:
    """The display on the standard error; rows may come from several threads."""

    def __init__(self) -> None:
        name, text = TextColumn("{task.description}"), TextColumn("{task.fields[text]}", style="dim")
        self._progress = Progress(SpinnerColumn(), name, TimeElapsedColumn(), text, console=err, transient=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def row(self, name: str) -> Iterator[Callable[[str], None]]:
        """Shows a row for an image; yields what changes its text."""
        started = time.monotonic()
        if not redraws(err):
            err.print(f"{name} …", markup=False, highlight=False, soft_wrap=True)
        task = self._progress.add_task(escape(name), total=None, text="")

        def say(text: str) -> None:
            self._progress.update(task, text=escape(text[:_SHOWN]))

        try:
            yield say
        except BaseException:
            self._progress.console.print(f"{escape(name)}  [red]failed[/]", highlight=False)
            raise
        else:
            seconds = time.monotonic() - started
            if seconds >= 1:
                self._progress.console.print(f"{escape(name)}  [dim]{seconds:.0f} s[/]", highlight=False)
        finally:
            self._progress.remove_task(task)
