"""Applies the rules to a changed resource."""

from typing import Final

from harness.errors import UsageError
from harness.review.model import Level, Risk
from harness.review.risks import access, data, delivery, running
from harness.review.risks.context import Change, Check
from harness.review.risks.rule import RiskRule
from harness.review.risks.rules import RULES

_CHECKS: Final[tuple[Check, ...]] = (data.check, access.check, running.check, delivery.check)


def judge(change: Change) -> tuple[Risk, ...]:
    """The risks of a change, the worst first."""
    risks: dict[Risk, None] = {}
    for check in _CHECKS:
        for rule, sentence, path in check(change):
            risks[risk(rule, sentence, path)] = None
    return tuple(sorted(risks, key=lambda item: (-item.level, item.rule)))


def risk(rule: RiskRule, sentence: str, path: str = "") -> Risk:
    """A risk with its rule's level."""
    return Risk(rule.id, rule.level, f"{sentence}.", path)


def parse_threshold(text: str) -> tuple[Level | None, frozenset[str]]:
    """Reads `--fail-on`: the lowest level and the rules that fail the command.

    >>> parse_threshold("high,DF401")
    (<Level.HIGH: 3>, frozenset({'DF401'}))

    Raises:
        HarnessError: It names something else.
    """
    level: Level | None = None
    rules: set[str] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word.upper() in RULES:
            rules.add(word.upper())
        elif word.upper() in Level.__members__:
            named = Level[word.upper()]
            level = named if level is None else min(level, named)
        else:
            raise UsageError(
                f"--fail-on takes low, medium, high, or rules such as DF101, not {word!r}: see docs/diff.md."
            )
    return level, frozenset(rules)
