"""Applies the rules to a changed resource."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from harness.errors import UsageError
from harness.review.fields import Fields
from harness.review.model import Level, Risk
from harness.review.risks import access, data, delivery, protection, running, stores, syncing
from harness.review.risks.context import Change, Check, Judgement
from harness.review.risks.defaults import without_defaults
from harness.review.risks.rule import RiskRule
from harness.review.risks.rules import RULES
from harness.review.risks.running import DF311
from harness.review.risks.syncing import DF610

_REMOVALS: Final = (
    data.DF101,
    data.DF105,
    data.DF106,
    data.DF107,
    data.DF108,
    protection.DF114,
    access.DF207,
    access.DF213,
    running.DF306,
    running.DF308,
    syncing.DF601,
    delivery.DF703,
    delivery.DF705,
    delivery.DF802,
)
"""Rules that a removal meets."""
_CHECKS: Final[tuple[Check, ...]] = (
    data.check,
    access.check,
    running.check,
    stores.check,
    protection.check,
    syncing.check,
    delivery.check,
)


def judge(change: Change) -> tuple[Risk, ...]:
    """The risks of a change, the worst first."""
    risks: dict[Risk, None] = {}
    gone = change.gone
    if gone is not None and change.stays:
        said = f"{gone.identity} is no longer in git but stays in the cluster: {change.stays}"
        risks[risk(DF610, said)] = None
        change = replace(change, before=None, fields=Fields(), stays="")
    change = without_defaults(change)
    judgements = [] if change.before is change.after else [item for check in _CHECKS for item in check(change)]
    for rule, sentence, path in _once(change, judgements):
        risks[risk(rule, sentence, path)] = None
    return tuple(sorted(risks, key=lambda item: (-item.level, item.rule)))


def _once(change: Change, judgements: list[Judgement]) -> Iterator[Judgement]:
    """The judgements, with the worst of those on a removal that is a renaming."""
    removals = [item for item in judgements if item[0] in _REMOVALS and not item[2]]
    if not change.replaced or not removals:
        yield from judgements
        return
    rule, sentence, path = max([*removals, *(item for item in judgements if item[0] is DF311)], key=_level)
    yield rule, sentence if rule is DF311 else f"{sentence}; {change.name} replaces it", path
    yield from (item for item in judgements if item[0] is not DF311 and item not in removals)


def _level(judgement: Judgement) -> tuple[int, bool]:
    return judgement[0].level, judgement[0] is DF311


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
