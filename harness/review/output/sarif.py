"""The review as SARIF, for services that show findings beside the changed lines."""

from collections.abc import Iterator, Mapping
from typing import Final

from harness.review.model import DifferenceStatus, Level, Review, SideName
from harness.review.output.groups import risk_groups, where
from harness.review.risks.rules import RULES
from harness.sarif import Result, SarifRule, log

NOT_RENDERED: Final = SarifRule(
    "not-rendered", "Something could not be built", "The review does not show what it changes."
)
NOT_COVERED: Final = SarifRule("not-covered", "Something that is not built changed", "Review it manually.")
DRIFT: Final = SarifRule(
    "drift", "Environments drift apart", "Such a difference is tested in one environment only."
)

_LEVELS: Final[Mapping[Level, str]] = {Level.HIGH: "error", Level.MEDIUM: "warning", Level.LOW: "note"}


def sarif(review: Review) -> str:
    """The risks, what was not reviewed, and new drift, each once for all environments."""
    results = [*_risks(review), *_problems(review), *_notes(review), *_drift(review)]
    rules = {rule.id: SarifRule(rule.id, rule.title, rule.why) for rule in RULES.values()}
    rules |= {rule.id: rule for rule in (NOT_RENDERED, NOT_COVERED, DRIFT)}
    return log("harness diff", rules, results)


def _risks(review: Review) -> Iterator[Result]:
    for group in risk_groups(review):
        risk, source = group.risk, group.resource.source
        yield Result(
            rule=risk.rule,
            level=_LEVELS[risk.level],
            message=f"{risk.sentence} [{', '.join(group.environments)}]",
            file=source.file if source else f"{group.application.path}/kustomization.yaml",
            line=source.line if source else 1,
            properties={
                "environments": list(group.environments),
                "application": group.application.name,
                "resource": str(group.resource.identity),
                "field": risk.path,
                "change": str(group.resource.change),
                "side": source.side if source else SideName.HEAD,
            },
            fingerprint="\n".join([risk.rule, str(group.resource.identity), risk.path]),
        )


def _problems(review: Review) -> Iterator[Result]:
    for problem in review.problems:
        yield Result(
            rule=NOT_RENDERED.id,
            level="error",
            message=f"{where(problem.environment, problem.application)} at {problem.side}: {problem.sentence}",
            file=problem.file,
            line=problem.line or (1 if problem.file else None),
            properties={
                "environments": [problem.environment],
                "application": problem.application,
                "side": problem.side,
            },
            fingerprint="\n".join([NOT_RENDERED.id, problem.environment, problem.application, problem.side]),
        )


def _notes(review: Review) -> Iterator[Result]:
    for note in review.notes:
        if note.changed:
            yield Result(
                NOT_COVERED.id,
                "warning",
                f"{where(note.environment, note.application)}: {note.sentence}",
                properties={"environments": [note.environment], "application": note.application},
                fingerprint="\n".join([NOT_COVERED.id, note.environment, note.application, note.sentence]),
            )


def _drift(review: Review) -> Iterator[Result]:
    for parity in review.parity:
        for difference in parity.drift:
            if difference.status is DifferenceStatus.SAME:
                continue
            field = f" {difference.path}" if difference.path else ""
            yield Result(
                DRIFT.id,
                "warning",
                f"{parity.left} and {parity.right} differ in {difference.identity}{field}.",
                properties={
                    "environments": [parity.left, parity.right],
                    "resource": str(difference.identity),
                    "field": difference.path,
                },
                fingerprint="\n".join(
                    [DRIFT.id, parity.left, parity.right, str(difference.identity), difference.path]
                ),
            )
