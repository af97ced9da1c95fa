"""Turns the error of a task into one sentence.

The pipeline's own errors are sentences already. Those of the machine are hidden in traces of Python and Java.
"""

from collections.abc import Iterator
from typing import Final

from brewery.contract.errors import CAUSES, Cause

_NO_JAVA: Final = Cause(
    "Java did not start",
    "`harness doctor` shows which Java is used and how to get another",
    words=("JAVA_GATEWAY_EXITED", "Java gateway process exited"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


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
    for cause in (*CAUSES, _NO_JAVA):
        if cause.explains(text):
            return f"{cause.reason}; {cause.next_step}"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "it gave no reason")
    return first if len(first) <= 300 else f"{first[:297]}..."
