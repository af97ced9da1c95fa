"""Quarantine: list the runs that the snapshot gate refused, accept or discard them."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

from pyspark.sql import SparkSession

from brewery.contract.decisions import standing
from brewery.contract.layout import Layout
from brewery.contract.quarantine import VERBS, decide, listing
from lakehouse import bronze
from lakehouse.quarantine import read_decisions, record
from lakehouse.storage import Lakehouse


def run(
    spark: SparkSession, layout: Layout, action: str, dates: Sequence[dt.date], *, by: str, reason: str
) -> list[str]:
    """List, accept or discard.

    Args:
        spark: Session.
        layout: Paths.
        action: `list`, `accept` or `discard`.
        dates: The dates whose runs are accepted or discarded.
        by: Who decides.
        reason: Why.

    Returns:
        Lines for a person.

    Raises:
        DecisionError: The decision cannot be made.
        LakehouseError: The lakehouse cannot be read or written.
    """
    lakehouse = Lakehouse.open(spark, layout)
    runs_of = partial(bronze.committed_runs, lakehouse)
    decisions = read_decisions(lakehouse)
    if action != "list":
        decision = decide(
            VERBS[action],
            dates,
            standing(decisions),
            runs_of,
            by=by,
            reason=reason,
            now=dt.datetime.now(dt.timezone.utc),
        )
        record(lakehouse, decision)
        decisions.append(decision)
    return listing(decisions, runs_of)
