"""The pipeline's errors as Airflow's: which keep a task's retries, and which do not."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.exceptions import AirflowException, AirflowFailException

from brewery.contract.errors import PipelineError


@contextmanager
def for_airflow() -> Iterator[None]:
    """Turn the pipeline's errors into Airflow's.

    Raises:
        AirflowFailException: A retry would fail in the same way.
        AirflowException: A retry may help.
    """
    try:
        yield
    except PipelineError as error:
        raise (AirflowException if error.retryable else AirflowFailException)(str(error)) from error
