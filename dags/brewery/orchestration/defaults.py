"""Defaults of every task: nothing waits without an end, nothing is retried without a growing pause."""

import datetime as dt
from typing import Any

from brewery.orchestration.settings import OrchestrationSettings


def task_defaults(settings: OrchestrationSettings) -> dict[str, Any]:
    """`default_args` for a DAG.

    Returns:
        Owner, retries with exponential backoff to 10 min, and an execution timeout of 30 min.
    """
    return {
        "owner": "lakehouse",
        "retries": settings.retries,
        "retry_delay": dt.timedelta(seconds=settings.retry_delay),
        "retry_exponential_backoff": True,
        "max_retry_delay": dt.timedelta(minutes=10),
        "execution_timeout": dt.timedelta(minutes=30),
        "depends_on_past": False,
    }
