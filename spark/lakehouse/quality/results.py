"""Outcomes kept: as rows of `quality/results` and as text."""

import datetime as dt
import logging
from collections.abc import Sequence

from lakehouse import tables
from lakehouse.definitions import QUALITY_RESULTS
from lakehouse.errors import LakehouseError
from lakehouse.quality.expectations import Outcome
from lakehouse.session import interpreted
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


def keep(lakehouse: Lakehouse, gate: str, run: tuple[dt.date, str], outcomes: Sequence[Outcome]) -> None:
    """Log the outcomes and append them to `quality/results`.

    Args:
        lakehouse: The lakehouse.
        gate: `snapshot` or `publish`.
        run: Ingestion date and run id that were checked.
        outcomes: All of them.
    """
    for outcome in outcomes:
        log.log(logging.INFO if outcome.passed else logging.WARNING, "%s", outcome)
    now = dt.datetime.now(dt.timezone.utc).isoformat()
    rows = [
        {
            "checked_at": now,
            "gate": gate,
            "table": outcome.expectation.table,
            "expectation": outcome.expectation.name,
            "severity": outcome.expectation.severity,
            "passed": outcome.passed,
            "observed": outcome.observed,
            "expected": outcome.expectation.expected,
            "ingestion_date": run[0].isoformat(),
            "run_id": run[1],
            "examples": [example._asdict() for example in outcome.examples],
        }
        for outcome in outcomes
    ]
    with lakehouse.writing(f"write the table {lakehouse.path(QUALITY_RESULTS)}"), interpreted(lakehouse.spark):
        tables.append(lakehouse, QUALITY_RESULTS, tables.rows_frame(lakehouse.spark, QUALITY_RESULTS, rows))


def failure(outcomes: Sequence[Outcome]) -> str:
    """The expectations of severity error that do not hold, in words; empty if all of them do."""
    failed = [outcome for outcome in outcomes if outcome.failed]
    named = "; ".join(
        f"{o.expectation.table} {o.expectation.name} is {o.observed}, expected {o.expectation.expected}"
        for o in failed[:3]
    )
    return f"{named}; and {len(failed) - 3} more" if len(failed) > 3 else named


def require(outcomes: Sequence[Outcome], otherwise: str) -> None:
    """Check that every expectation of severity error holds.

    Args:
        outcomes: All outcomes of a gate.
        otherwise: End of the sentence: what keeps its state, and what to do next.

    Raises:
        LakehouseError: One does not hold.
    """
    named = failure(outcomes)
    if named:
        raise LakehouseError(f"The quality gate failed ({named}): {otherwise}.")
