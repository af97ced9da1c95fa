"""What a risk rule is. Each stands in the module that judges it; `rules.py` collects them."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from harness.review.model import Level


@dataclass(frozen=True)
class RiskRule:
    """One rule.

    Attributes:
        id: `DF` and three digits; the first is the subject.
        why: What happens then, in one sentence.
    """

    level: Level
    id: str
    title: str
    why: str


low: Final = partial(RiskRule, Level.LOW)
medium: Final = partial(RiskRule, Level.MEDIUM)
high: Final = partial(RiskRule, Level.HIGH)
