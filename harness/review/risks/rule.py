"""What a risk rule is. Each stands in the module that judges it; `rules.py` collects them."""

from dataclasses import dataclass

from harness.review.model import Level


@dataclass(frozen=True)
class RiskRule:
    """One rule.

    Attributes:
        id: `DF` and three digits; the first is the subject.
        level: How bad it can get.
        title: What it is about.
        why: What happens then, in one sentence.
    """

    id: str
    level: Level
    title: str
    why: str
