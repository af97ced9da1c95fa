"""Outcomes kept: as rows of `quality/results` and as text."""

import datetime as dt
import logging
from collections.abc import Sequence

from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse import tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.quality.expectations import Outcome
from lakehouse.session import interpreted
from lakehouse.storage import Files

log = logging.getLogger(__name__)


def keep(
    spark: SparkSession,
    files: Files,
    layout: Layout,
    gate: str,
    run: tuple[dt.date, str],
    outcomes: Sequence[Outcome],
) -> None:
    """Log the outcomes and append them to `quality/results`.

    Args:
        spark: Session.
        files: The lakehouse's file system.
        layout: Paths.
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
        }
        for outcome in outcomes
    ]
    with explained(f"write the table {layout.quality_results}"), interpreted(spark):
        frame = tables.rows_frame(spark, tables.QUALITY_RESULTS, rows)
        tables.append(files, frame, tables.QUALITY_RESULTS, layout.quality_results)


def require(outcomes: Sequence[Outcome], otherwise: str) -> None:
    """Stop where an expectation of severity error does not hold.

    Args:
        outcomes: All of a gate.
        otherwise: End of the sentence: what was left as it was, and what to do.

    Raises:
        LakehouseError: One sentence that names the expectations.
    """
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        named = "; ".join(
            f"{o.expectation.table} {o.expectation.name} is {o.observed}, expected {o.expectation.expected}"
            for o in failed[:3]
        )
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise LakehouseError(f"The quality gate failed ({named}{more}): {otherwise}.")
