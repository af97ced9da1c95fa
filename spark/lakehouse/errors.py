"""The errors with which a job ends: it refuses, or Spark failed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.sql import utils

from brewery.contract.errors import CAUSES, PipelineError

CapturedException: type[Exception] = utils.CapturedException  # type: ignore[attr-defined] # public in 3.3, kept in 3.5
"""Pyspark's exception for those of Spark and Delta, in 3.3 as in 3.5."""


class LakehouseError(PipelineError):
    """A job refused."""


class TransientError(LakehouseError):
    """Spark, the storage below it or another job failed, which may be over by the next try.

    Some of these causes last (a full disk, wrong credentials), but their texts do not say so for certain. A retry
    costs minutes; giving up on a failure that would have passed costs a person's time.
    """

    retryable = True


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn exceptions of Spark, Delta and Java into one sentence.

    Args:
        doing: What the block does; completes "Could not …".

    Raises:
        TransientError: One was raised in the block.
    """
    try:
        yield
    except (CapturedException, Py4JError) as error:
        text = str(error)
        for cause in CAUSES:
            if cause.explains(text):
                raise TransientError(cause.sentence(doing)) from error
        raise TransientError(f"Could not {doing}: {_reason(text)}.") from error


def _reason(text: str) -> str:
    causes = re.findall(r"^Caused by: (.+)$", text, re.MULTILINE) or [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith("An error occurred while calling")
    ]
    reason = (causes[-1] if "Caused by: " in text else causes[0]) if causes else "no reason given"
    return re.sub(r"^[\w.$]*?(\w+(?:Exception|Error)): ", r"\1: ", reason.strip().removeprefix(": ")).rstrip(".")
