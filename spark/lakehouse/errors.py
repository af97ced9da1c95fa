"""What a job ends with when the user can act on it: it refuses, or something below it failed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from py4j.protocol import Py4JError
from pyspark.sql import utils

CapturedException: type[Exception] = utils.CapturedException  # type: ignore[attr-defined] # public in 3.3, kept in 3.5
"""What pyspark makes of the exceptions of Spark and Delta, in 3.3 as in 3.5."""


class LakehouseError(Exception):
    """A job refused; the message is one sentence that names the thing and the next step.

    Attributes:
        retryable: Whether the same job may succeed later without anybody changing anything.
    """

    retryable: ClassVar[bool] = False


class TransientError(LakehouseError):
    """What may have gone by the next try: Spark, the storage below it or another job was in the way.

    Some of these last (a full disk, wrong credentials), but their texts do not tell for certain; trying again costs
    minutes, and giving up what would have healed costs a person's time.
    """

    retryable = True


_HINTS = (
    (r"No space left on device|Disk quota exceeded", "the disk is full; free some space and run the job again"),
    (
        r"Permission denied|Read-only file system|AccessDenied|Mkdirs failed",
        "the lakehouse is not writable; give this user the right to write to it, then run the job again",
    ),
    (
        r"Concurrent\w*Exception|DELTA_CONCURRENT",
        "another job wrote the same table at the same time; let it end, then run this job again",
    ),
    (
        r"OutOfMemoryError|GC overhead limit",
        "Spark ran out of memory; set SPARK_DRIVER_MEMORY higher (for example 3g) and run the job again",
    ),
    (
        r"No FileSystem for scheme|ClassNotFoundException",
        "Spark lacks the jars for this kind of storage; start it with hadoop-aws on its class path",
    ),
    (
        r"Unable to load AWS credentials|No AWS Credentials|InvalidAccessKeyId|SignatureDoesNotMatch|Code: 403",
        "the object store refused the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what Spark or Java throws within the block into one sentence.

    Args:
        doing: What the block does, as the end of "could not ...".

    Raises:
        TransientError: Spark, Delta or Java failed; the cause is chained.
    """
    try:
        yield
    except (CapturedException, Py4JError) as error:
        raise TransientError(f"Could not {doing}: {_reason(str(error))}.") from error


def _reason(text: str) -> str:
    for pattern, sentence in _HINTS:
        if re.search(pattern, text):
            return sentence
    causes = re.findall(r"^Caused by: (.+)$", text, re.MULTILINE) or [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith("An error occurred while calling")
    ]
    reason = (causes[-1] if "Caused by: " in text else causes[0]) if causes else "no reason given"
    return re.sub(r"^[\w.$]*?(\w+(?:Exception|Error)): ", r"\1: ", reason.strip().removeprefix(": ")).rstrip(".")
