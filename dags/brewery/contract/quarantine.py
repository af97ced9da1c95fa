"""Runs in quarantine, and what a person may decide on them; pure, for any storage."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from brewery.contract.decisions import Decision, DecisionError, Standing, standing
from brewery.contract.runs import quarantined

Choice = Literal["accepted", "discarded"]
VERBS: Final[Mapping[str, Choice]] = {"accept": "accepted", "discard": "discarded"}

RunsOf = Callable[[dt.date], Sequence[str]]
"""The committed runs of a date, newest first."""


def waiting(decisions: Standing, runs_of: RunsOf) -> list[Decision]:
    """The refusals that wait for a decision, in order of their dates."""
    dates = sorted({date for (date, _), decision in decisions.items() if decision.verdict == "refused"})
    refusals = (quarantined(date, runs_of(date), decisions) for date in dates)
    return [refusal for refusal in refusals if refusal]


def decide(
    choice: Choice,
    dates: Iterable[dt.date],
    decisions: Standing,
    runs_of: RunsOf,
    *,
    by: str,
    reason: str,
    now: dt.datetime,
) -> Decision:
    """A person's decision on the run of each date that is in quarantine, or else on its newest run.

    Raises:
        DecisionError: A date has no committed run; its run was decided on in the same way before, or is to be
            accepted although it was neither refused nor discarded; or an option is missing.
    """
    dates = sorted(set(dates))
    for option, given in (("--date", dates), ("--reason", reason.strip()), ("--by", by.strip())):
        if not given:
            raise DecisionError(f"The audit trail needs to know when, why and who: give {option}.")
    runs = []
    for date in dates:
        of_date = runs_of(date)
        if not of_date:
            raise DecisionError(f"There is no committed run of {date.isoformat()}: ingest that date first.")
        refusal = quarantined(date, of_date, decisions)
        run = refusal.runs[0] if refusal else (date, of_date[0])
        former = decisions.get(run)
        named = f"Run {run[1]} of {date.isoformat()}"
        if former and former.verdict == choice:
            raise DecisionError(f"{named} was {_said(former)}: nothing is left to decide.")
        if choice == "accepted" and (former is None or former.verdict == "passed"):
            raise DecisionError(
                f"{named} is not in quarantine: only a run that was refused or discarded can be accepted."
            )
        runs.append(run)
    return Decision(choice, tuple(runs), now, by.strip(), " ".join(reason.split()))


def listing(decisions: Iterable[Decision], runs_of: RunsOf) -> list[str]:
    """What is in quarantine, then every decision of a person, oldest first; one line each."""
    decisions = sorted(decisions, key=lambda decision: decision.at)
    lines = [
        f"{date.isoformat()} {run_id}: in quarantine since {_time(refusal.at)}: {refusal.reason}"
        for refusal in waiting(standing(decisions), runs_of)
        for date, run_id in refusal.runs
    ]
    return [*(lines or ["No run is in quarantine."])] + [
        f"{date.isoformat()} {run_id}: {_said(decision)}: {decision.reason}"
        for decision in decisions
        if decision.verdict in VERBS.values()
        for date, run_id in decision.runs
    ]


def _said(decision: Decision) -> str:
    return f"{decision.verdict} on {_time(decision.at)} by {decision.by}"


def _time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.timezone.utc):%Y-%m-%d %H:%M} UTC"
