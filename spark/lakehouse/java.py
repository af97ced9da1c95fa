"""The end of the Java process that a session runs in: the true cause of whatever fails afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from typing import Any, Final

from py4j.protocol import Py4JError
from pyspark import SparkContext

from brewery.contract.endings import ending
from lakehouse.errors import LakehouseError

_SECONDS: Final = 10
"""How long a process whose connections are closed may take to end."""


@contextmanager
def java_explained() -> Iterator[None]:
    """Tell a failure of the block that is due to the end of Java from others.

    Raises:
        LakehouseError: Java has ended, which no retry in this process changes.
    """
    try:
        yield
    except Exception as error:
        code = _exit_code()
        if code is None:
            raise
        raise LakehouseError(f"Spark's Java process {ending(code)}.") from error


def _exit_code() -> int | None:
    """Exit code of the Java process that this process started; None while it answers, or has another parent."""
    gateway: Any = SparkContext._gateway
    process = getattr(gateway, "proc", None)
    if process is None:
        return None
    try:
        gateway.jvm.java.lang.System.nanoTime()
    except (Py4JError, OSError):
        with suppress(TimeoutExpired):
            process.wait(_SECONDS)
    code: int | None = process.poll()
    return code
