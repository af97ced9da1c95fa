"""Outcomes kept: as rows of `quality/results` and as text."""

import datetime as dt
import logging
from collections.abc import Sequence

from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse import tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.quality.expectations import Outcome

log = logging.getLogger(__name__)


def keep(
    spark: SparkSession, layout: Layout, gate: str, run: tuple[dt.date, str], outcomes: Sequence[Outcome]
) -> None:
    """Log the outcomes and append them to `quality/results`.

    Args:
        spark: Session.
        layout: Paths.
        gate: `snapshot` or `publish`.
        run: Ingestion date and run id that were checked.
        outcomes: All of them.
    """
    for outcome in outcomes:
        log.log(logging.INFO if outcome.passed else logging.WARNING, "%s", outcome)
    now = dt.datetime.now(dt.timezone.utc).isoformat()
    rows = [
        (
            now,
            gate,
            outcome.expectation.table,
            outcome.expectation.name,
            outcome.expectation.severity,
            outcome.passed,
            outcome.observed,
            outcome.expectation.expected,
            run[0].isoformat(),
            run[1],
        )
        for outcome in outcomes
    ]
    schema = ", ".join(
        f"`{column.name}` {'boolean' if column.type == 'boolean' else 'string'}"
        for column in tables.QUALITY_RESULTS.columns
    )
    with explained(f"write the table {layout.quality_results}"):
        frame = spark.createDataFrame(rows, schema)
        tables.shaped(frame, tables.QUALITY_RESULTS).coalesce(1).write.format("delta").mode("append").save(
            layout.quality_results
        )


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
