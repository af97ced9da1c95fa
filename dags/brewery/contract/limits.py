"""What the quality gates allow: options of `harness run`, and environment variables of the jobs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from brewery.contract.errors import PipelineError


class LimitError(PipelineError):
    """A limit that cannot be used."""


@dataclass(frozen=True)
class Limits:
    """What the gates allow; the variables are in `VARIABLES`.

    Attributes:
        rejected_share: Greatest share of a snapshot that may be rejected, 0 to 1.
        drop: Greatest share by which a snapshot may be smaller than the state before it, 0 to 1.
        max_age_hours: Greatest age of the newest snapshot, from the end of its ingestion, in hours.
        warn_gone: Greatest share of the breweries that may be gone on a day without a warning, 0 to 1.
    """

    rejected_share: float = 0.05
    drop: float = 0.2
    max_age_hours: float = 48
    warn_gone: float = 0.02

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Limits":
        """Read the limits; one that is unset or empty keeps its default.

        Raises:
            LimitError: A variable has a value that cannot be used; the sentence names it.
        """
        given = {field.name: env.get(VARIABLES[field.name], "") for field in fields(cls)}
        return cls(**{name: _parsed(VARIABLES[name], text) for name, text in given.items() if text})


VARIABLES: Final = {
    "rejected_share": "LAKEHOUSE_MAX_REJECTED_SHARE",
    "drop": "LAKEHOUSE_MAX_DROP",
    "max_age_hours": "LAKEHOUSE_MAX_AGE_HOURS",
    "warn_gone": "LAKEHOUSE_WARN_GONE",
}
"""Field of `Limits` -> its environment variable."""


def _parsed(variable: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    most = float("inf") if variable.endswith("_HOURS") else 1.0
    if not 0 <= value <= most:
        allowed = "a number of hours, such as 48" if most > 1 else "a share from 0 to 1, such as 0.2"
        raise LimitError(f"{variable} is {text!r}: set it to {allowed}.")
    return value
