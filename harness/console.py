"""The shared consoles: results go to `out`, progress and errors to `err`.

Rich is imported when something is drawn with it: it takes as long to load as a small review.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from harness.errors import HarnessError, interrupted, of_system
from harness.exits import ExitCode
from harness.inert import split_lines, without_commands

if TYPE_CHECKING:
    from rich.console import Console

    out: Console
    err: Console


def __getattr__(name: str) -> "Console":
    if name not in ("out", "err"):
        raise AttributeError(name)
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            """Rich would end the process with an exit code of its own."""
            raise

    console = _Console(stderr=name == "err")
    globals()[name] = console
    return console


def print_error(error: Exception) -> None:
    """Says on the standard error what went wrong."""
    label = "\033[1;31merror\033[0m" if colour(sys.stderr) else "error"
    lines = "\n".join(split_lines(str(error)))
    sys.stderr.write(f"{label}: {without_commands(lines)}\n")


def exit_code_of(work: Callable[[], int]) -> int:
    """Does the work of a program; what a user can act on is one sentence, and an exit code."""
    try:
        return work()
    except BrokenPipeError:
        return ExitCode.CLOSED_PIPE
    except HarnessError as error:
        problem = error
    except KeyboardInterrupt as request:
        problem = interrupted(request)
    except OSError as error:
        problem = of_system(error)
    print_error(problem)
    return problem.exit_code


def colour(stream: TextIO | None = None) -> bool:
    """Whether to write colours to a stream, standard output by default."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
    return (stream or sys.stdout).isatty() and not plain


def width() -> int:
    """The columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


def redraws(console: "Console") -> bool:
    """Whether what a console shows can change, as on a terminal but not in a log."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def working(text: str, *, usually: str = "") -> Iterator[Callable[[str], None]]:
    """Shows on the standard error what is being done, while it is; yields what changes the text.

    Within another display it shows nothing: Rich has one at a time. Where nothing can be redrawn, as in a log, work
    that takes long (`usually` says how long) is announced by a line.
    """
    if usually:
        text = f"{text} (usually {usually})"
    animated = sys.stderr.isatty()
    # The build of an image has no Rich, and no terminal.
    if animated:
        from harness.console import err

        animated = redraws(err)
    if not animated:
        if usually:
            sys.stderr.write(f"{text} …\n")
        yield lambda _: None
        return
    from rich.errors import LiveError
    from rich.markup import escape

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
