"""What can go wrong between the API and bronze."""

from brewery.contract.errors import PipelineError


class SettingsError(PipelineError):
    """An environment variable or option that cannot be used."""


class ApiError(PipelineError):
    """The Brewery API failed."""


class ApiUnavailableError(ApiError):
    """The API gave no usable answer within the allowed attempts and time."""

    retryable = True


class ApiRefusedError(ApiError):
    """The API will give the same answer again: a wrong address, a certificate, a 4xx status."""


class SourceMovedError(ApiError):
    """The API's data changed, or contradicted itself, during every attempt to ingest a snapshot."""

    retryable = True


class EmptySourceError(ApiError):
    """The API has no breweries, which would mark every known one as removed."""

    retryable = True


class StorageError(PipelineError):
    """The storage of the lakehouse failed."""


class StorageFullError(StorageError):
    """The disk is full, or a quota is used up."""


class StorageDeniedError(StorageError):
    """These permissions or credentials do not allow it."""


class StorageMissingError(StorageError):
    """The bucket or a required file does not exist."""


class StorageUnavailableError(StorageError):
    """The storage did not answer, or failed."""

    retryable = True


class BronzeError(PipelineError):
    """Bronze itself is wrong."""


class NoCommittedRunError(BronzeError):
    """A date has no committed run."""


class ManifestInvalidError(BronzeError):
    """A manifest is corrupt, or belongs to something else."""


class BronzeInvalidError(BronzeError):
    """The files of a committed run differ from its manifest."""
