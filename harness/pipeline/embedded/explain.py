"""Turn what went wrong deep inside a task into one sentence.

The DAG's own errors already are sentences; what remains are the errors of the machine, which arrive wrapped in
the traces of Python, Spark and Java.
"""

import re
from collections.abc import Iterator
from typing import Final

_MACHINE: Final = (
    (
        re.compile(r"No space left on device|ENOSPC|Disk quota exceeded"),
        "the disk is full; free some space, or put the lakehouse on another disk with --lakehouse, and run again",
    ),
    (
        re.compile(r"java\.lang\.OutOfMemoryError|GC overhead limit exceeded"),
        "Spark ran out of memory; give it more with SPARK_DRIVER_MEMORY (for example 3g), and run again",
    ),
    (
        re.compile(r"Permission denied|Read-only file system|AccessDeniedException"),
        "a folder of the lakehouse cannot be written; change its owner or mode, or name another with --lakehouse",
    ),
    (
        re.compile(r"JAVA_GATEWAY_EXITED|Java gateway process exited"),
        "Java did not start; `harness doctor` shows which Java is used and how to get another",
    ),
)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def explain(error: BaseException | str | None, *, own: tuple[type[BaseException], ...] = ()) -> str:
    """One sentence for a failure.

    Args:
        error: The exception of the task, or what Airflow kept of it.
        own: Exception types whose message already is a sentence for the user.

    Returns:
        A sentence without a traceback; never empty.
    """
    if isinstance(error, BaseException):
        for link in chain(error):
            if isinstance(link, own) and str(link):
                return str(link)
        text = "\n".join(f"{type(link).__name__}: {link}" for link in chain(error))
    else:
        text = error or ""
    for pattern, sentence in _MACHINE:
        if pattern.search(text):
            return sentence
    first = next((line.strip() for line in text.splitlines() if line.strip()), "it gave no reason")
    return first if len(first) <= 300 else f"{first[:297]}..."
