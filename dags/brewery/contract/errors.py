"""The errors of the pipeline that a user sees, and the causes that they have in common.

Every message is one sentence: what failed, why, and the next step. A DAG retries a task whose error is `retryable`
and fails it at once otherwise; the harness prints the message.
"""

import errno
import os
import re
from dataclasses import dataclass
from typing import ClassVar, Final


class PipelineError(Exception):
    """Base of every error that a user sees.

    Attributes:
        retryable: Whether the same task may succeed later although nobody changes anything.
    """

    retryable: ClassVar[bool] = False


@dataclass(frozen=True)
class Cause:
    """Why the machine, the storage or Spark failed, whoever reports it.

    Attributes:
        reason: The cause in words.
        next_step: What to do about it.
        errnos: Error numbers of the operating system.
        s3_codes: Error codes of S3.
        words: Regular expressions for what Java and Python say.
    """

    reason: str
    next_step: str
    errnos: tuple[int, ...] = ()
    s3_codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def explains(self, text: str) -> bool:
        """Whether an exception's text names this cause.

        >>> DISK_FULL.explains("java.io.IOException: No space left on device")
        True
        """
        patterns = [re.escape(os.strerror(number)) for number in self.errnos]
        patterns += [rf"\b{code}\b" for code in self.s3_codes]
        return re.search("|".join([*patterns, *self.words]), text) is not None

    def sentence(self, doing: str, detail: str = "") -> str:
        """The error of a step; `doing` completes "Could not …"."""
        return f"Could not {doing}: {self.reason}{f' ({detail})' if detail else ''}; {self.next_step}."


DISK_FULL: Final = Cause(
    "the disk is full",
    "free some space, then run it again",
    errnos=(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    s3_codes=("XMinioStorageFull", "InsufficientStorage", "507"),
)
ACCESS_REFUSED: Final = Cause(
    "the object store refused access",
    "check the access key (AWS_ACCESS_KEY_ID), its secret (AWS_SECRET_ACCESS_KEY) and its policy",
    s3_codes=("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"),
    words=(
        "Unable to load AWS credentials",
        "No AWS Credentials",
        "Code: 403",
        "NoCredentials",
        "PartialCredentials",
    ),
)
NO_PERMISSION: Final = Cause(
    "this user lacks the permission",
    "grant it, or choose another lakehouse (--lakehouse, LAKEHOUSE_URI)",
    errnos=(errno.EACCES, errno.EPERM, errno.EROFS),
    words=("AccessDeniedException", "Mkdirs failed"),
)
NO_BUCKET: Final = Cause(
    "the bucket does not exist", "create it, or choose another lakehouse", s3_codes=("NoSuchBucket",)
)
CONCURRENT_WRITE: Final = Cause(
    "another job wrote to the same table at the same time",
    "let it finish, then run it again",
    words=(r"\bConcurrent\w*Exception", "DELTA_CONCURRENT"),
)
OUT_OF_MEMORY: Final = Cause(
    "Spark ran out of memory",
    "set SPARK_DRIVER_MEMORY higher (for example 3g), then run it again",
    words=("OutOfMemoryError", "GC overhead limit"),
)
NO_JARS: Final = Cause(
    "Spark lacks the jars for this kind of storage",
    "start it with hadoop-aws on its class path",
    words=("No FileSystem for scheme", "ClassNotFoundException"),
)
CAUSES: Final = (
    DISK_FULL,
    ACCESS_REFUSED,
    NO_PERMISSION,
    NO_BUCKET,
    CONCURRENT_WRITE,
    OUT_OF_MEMORY,
    NO_JARS,
)
"""The first that explains an error is the one to report: S3A wraps a refusal by S3 in an AccessDeniedException."""
