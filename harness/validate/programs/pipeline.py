"""The pipeline's own settings in the environment of containers: its own code reads their values."""

from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.variables import each_variable

LH219: Final = ValidationRule(
    "LH219",
    "The pipeline knows its settings, and can read their values",
    "A task or a job stops, or keeps to the default.",
    engine="dags/brewery",
)

_OF_DAGS: Final = (
    *("API_OPTION", "API_URL", "ATTEMPTS", "BACKOFF_INITIAL", "BACKOFF_MAX", "CONCURRENCY", "CONNECT_TIMEOUT"),
    *("FRESH_STARTS", "LAKEHOUSE_CONNECTION", "PAGE_DEADLINE", "PAGE_SIZE", "READ_TIMEOUT", "REDIRECT_HOSTS"),
    *("RETRY_AFTER_MAX", "RETRY_DELAY", "SPARK_MODE", "SPARK_NAMESPACE", "SPARK_TEMPLATE_DIR", "TASK_RETRIES"),
)
_OF_ALL: Final = ("CLAIM", "MAX_AGE_HOURS", "MAX_DROP", "MAX_REJECTED_SHARE", "URI", "WARN_GONE")
NAMES: Final = frozenset({*(f"BREWERY_{name}" for name in _OF_DAGS), *(f"LAKEHOUSE_{name}" for name in _OF_ALL)})
"""What the DAGs and jobs read; a test compares it with their code."""
_STARTS: Final = ("BREWERY_", "LAKEHOUSE_")


def check(environment: Environment) -> Iterator[Violation]:
    """Finds settings that the pipeline ignores or refuses."""
    for one in each_variable(environment):
        if one.name.startswith(_STARTS) and (said := problem_of(one.name, one.value or "")):
            message = f"{one.resource} has a setting of the pipeline that is of no use: {said.rstrip('.')}."
            yield Violation(LH219, message, one.resource, one.path)


def problem_of(name: str, value: str) -> str:
    """What is wrong with a setting, as a sentence; empty for nothing.

    >>> problem_of("LAKEHOUSE_MAX_DROP", "20%")
    "LAKEHOUSE_MAX_DROP is '20%': set it to a share from 0 to 1, such as 0.2."
    """
    if name not in NAMES:
        close = closest(name, NAMES, 0.85)
        return f"nothing reads {name}: use {close}" if close else ""
    if not value or "$(" in value:
        return ""
    from brewery.contract.errors import PipelineError
    from brewery.contract.limits import Limits
    from brewery.orchestration.settings import OrchestrationSettings
    from brewery.settings import Settings

    try:
        Limits.from_env({name: value})
        Settings.from_env({"LAKEHOUSE_URI": "lakehouse", name: value})
        OrchestrationSettings.from_env({name: value})
    except (PipelineError, ValueError) as error:
        return str(error)
    return ""
