"""What can go wrong between the API and bronze; every message is one sentence with the next step.

A DAG turns `retryable` into a retry (another attempt of the task may help) or an immediate failure (a person has
to change something first); the harness prints the message as it is.
"""

from typing import ClassVar


class BreweryError(Exception):
    """Base of every error that a user sees.

    Attributes:
        retryable: Whether the same task may succeed later without anybody changing anything.
    """

    retryable: ClassVar[bool] = False


class SettingsError(BreweryError):
    """An environment variable or option that cannot be used."""


class ApiError(BreweryError):
    """Base of what the brewery API did wrong."""


class ApiUnavailableError(ApiError):
    """The API did not give a usable answer within the attempts and the time that it is allowed."""

    retryable = True


class ApiRefusedError(ApiError):
    """The API answered, and will answer the same again: a wrong address, a certificate, a 4xx status."""


class SourceMovedError(ApiError):
    """The source changed under every attempt to take a snapshot of it."""

    retryable = True


class EmptySourceError(ApiError):
    """The API says that there are no breweries, which would mark every known one as removed."""

    retryable = True


class StorageError(BreweryError):
    """Base of what the lakehouse's storage did wrong."""


class StorageFullError(StorageError):
    """No space, or a quota is used up."""


class StorageDeniedError(StorageError):
    """Not writable or not readable with these rights or credentials."""


class StorageMissingError(StorageError):
    """The bucket, or a file that has to be there, is not."""


class StorageUnavailableError(StorageError):
    """The storage did not answer, or failed on its side."""

    retryable = True


class BronzeError(BreweryError):
    """Base of what is wrong with the bronze layer itself."""


class NoCommittedRunError(BronzeError):
    """A date without a committed run."""


class ManifestInvalidError(BronzeError):
    """A manifest that is corrupt, or that belongs to something else."""


class BronzeInvalidError(BronzeError):
    """A committed run whose files are not what its manifest says."""
