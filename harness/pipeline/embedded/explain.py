"""Turns the error of a task into one sentence.

The pipeline's own errors are sentences already. Those of the machine are hidden in traces of Python and Java.
"""

import errno
import re
from collections.abc import Iterator
from typing import Final

from brewery.contract.errors import CAUSES, Cause

_NO_MEMORY: Final = Cause(
    "there is not enough memory for Java",
    "free some, or set SPARK_DRIVER_MEMORY lower (for example 1g)",
    errnos=(errno.ENOMEM,),
    words=("insufficient memory for the Java Runtime", "Could not reserve enough space", "heap size .* too large"),
)
_BAD_MEMORY: Final = Cause(
    "SPARK_DRIVER_MEMORY is not an amount of memory",
    "set it to one such as 2g",
    words=("Invalid (maximum|initial) heap size", "Size must be specified as bytes"),
)
_NO_PROCESS: Final = Cause(
    "no more processes or threads may be started",
    "end some, or raise the limit (`ulimit -u`, or that of the container)",
    errnos=(errno.EAGAIN,),
    words=("unable to create (new )?native thread", "can't start new thread"),
)
_NO_PORT: Final = Cause(
    "this machine has no free port for Spark on 127.0.0.1",
    "end programs with many connections, or widen net.ipv4.ip_local_port_range",
    errnos=(errno.EADDRINUSE, errno.EADDRNOTAVAIL),
    words=("java.net.BindException",),
)
_NO_TEMPORARY_FOLDER: Final = Cause(
    "no folder for temporary files can be written",
    "free some space there, or set TMPDIR to another folder",
    words=("No usable temporary directory", "Failed to create (a temp directory|local dir)"),
)
_NO_JAVA: Final = Cause(
    "Java did not start",
    "`harness doctor` shows which Java is used and how to get another",
    words=("JAVA_GATEWAY_EXITED", "Java gateway process exited"),
)
_MACHINE: Final = (_NO_TEMPORARY_FOLDER, _BAD_MEMORY, _NO_MEMORY, _NO_PROCESS, _NO_PORT)
"""Looked for before those of the pipeline: a folder that cannot be made also lacks a permission or space."""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def explain_start(error: Exception, printed: str) -> str:
    """A sentence for a Java process that did not start: what it `printed` says why, if anything does."""
    sentence = explain(error)
    if not _NO_JAVA.explains(str(error)):
        return sentence
    known = next((cause for cause in (*_MACHINE, *CAUSES) if cause.explains(printed)), None)
    if known:
        return f"{known.reason}; {known.next_step}"
    said = re.search(r"^(Error.*|.*java.*)$", printed, re.MULTILINE)
    reason = said[1][:200].rstrip(".") if said else "it said nothing, as when it is killed because memory runs out"
    return f"{_NO_JAVA.reason} ({reason}); {_NO_JAVA.next_step}"


def explain(error: BaseException | str | None, *, own: tuple[type[BaseException], ...] = ()) -> str:
    """A sentence without a traceback, never empty.

    Args:
        error: The exception of the task, or what Airflow kept of it.
        own: Exception types whose message already is a sentence for the user.
    """
    if isinstance(error, BaseException):
        for link in _chain(error):
            if isinstance(link, own) and str(link):
                return str(link)
        text = "\n".join(f"{type(link).__name__}: {link}" for link in _chain(error))
    else:
        text = error or ""
    for cause in (*_MACHINE, *CAUSES, _NO_JAVA):
        if cause.explains(text):
            return f"{cause.reason}; {cause.next_step}"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "it gave no reason")
    return first if len(first) <= 300 else f"{first[:297]}..."
