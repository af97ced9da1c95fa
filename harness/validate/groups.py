"""Which rules judge any Kustomize repository, and which only one that asks for them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from harness.errors import unknown
from harness.validate.rule import ValidationRule
from harness.validate.rules import RULES


@dataclass(frozen=True)
class Group:
    """Rules that do not hold for every repository.

    Attributes:
        why: What has to be true of a repository that is judged by them.
        rules: The numbers of their ids.
    """

    name: str
    why: str
    rules: frozenset[int]

    def has(self, rule: str) -> bool:
        return int(rule.removeprefix("LH")) in self.rules


GROUPS: Final = (
    Group(
        "whole",
        "Each environment is one cluster, and the repository has all that runs in it.",
        frozenset(
            {
                108,
                202,
                208,
                209,
                *range(301, 310),
                *range(313, 316),
                318,
                319,
                323,
                324,
                526,
                527,
                529,
                540,
                541,
                701,
            }
        )
        | {*range(711, 717), 719, *range(721, 727)},
    ),
    Group(
        "policy",
        "The repository keeps to this platform's policy.",
        frozenset({107, 111, *range(501, 512), *range(521, 525), 530, 531, 535, 537}),
    ),
    Group("waves", "Argo CD deploys all of it, in waves.", frozenset(range(401, 500))),
    Group("parity", "Environments differ only in what is declared.", frozenset({*range(601, 700), 741})),
    Group(
        "platform",
        "The repository is laid out as this one: base/, components/, overlays/, a catalogue of Secrets.",
        frozenset({109, 205, 210, 211, 212, 213, 215, *range(217, 220), 310, 311, 321, 731, 751}),
    ),
)


def group_of(rule: ValidationRule) -> Group | None:
    """The group that a rule is in; None for one that judges any repository."""
    return next((group for group in GROUPS if group.has(rule.id)), None)


def asked(chosen: Collection[str]) -> frozenset[str]:
    """The rules that a repository is judged by: those for all, and those that its settings choose.

    Raises:
        UsageError: There is no such group or rule.
    """
    names = {group.name for group in GROUPS}
    for name in chosen:
        if name not in names and name not in RULES:
            raise unknown("group of rules or rule", name, [*sorted(names), *RULES])
    return frozenset(
        rule.id
        for rule in RULES.values()
        if (group := group_of(rule)) is None or group.name in chosen or rule.id in chosen
    )
