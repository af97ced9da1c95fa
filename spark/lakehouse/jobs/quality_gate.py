"""Quality gate: check silver and the staged gold tables, and publish the latter if all is well."""

import datetime as dt
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from pyspark.sql import SparkSession

from brewery.contract.decisions import Standing, standing
from brewery.contract.figures import Figures
from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.limits import Limits
from brewery.contract.manifest import Manifest
from brewery.contract.quarantine import waiting
from lakehouse import bronze, publish, quarantine, silver
from lakehouse.definitions import SILVER_BREWERIES
from lakehouse.errors import explained
from lakehouse.gold import GOLD
from lakehouse.ledger import require_ledger
from lakehouse.quality import checks, plausibility, results
from lakehouse.quality.expectations import Outcome, measure
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


def run(
    spark: SparkSession, layout: Layout, limits: Limits | None = None, now: dt.datetime | None = None
) -> list[Outcome]:
    """Check, then publish.

    Args:
        spark: Session.
        layout: Paths.
        limits: What the gate allows.
        now: Aware time at which the age of the newest snapshot is measured; by default the current time.

    Returns:
        All outcomes.

    Raises:
        LakehouseError: An expectation of severity error does not hold (gold then keeps its state), no gold is
            staged, or the lakehouse cannot be read or written.
    """
    lakehouse = Lakehouse.open(spark, layout)
    limits = limits or Limits.from_env()
    ledger = require_ledger(lakehouse)
    newest = ledger[-1]
    built_from = publish.Stage.of(newest)
    frames = publish.staged(lakehouse, built_from)
    now = now or dt.datetime.now(dt.timezone.utc)
    published = publish.published(lakehouse)
    decisions = standing(quarantine.read_decisions(lakehouse))
    in_quarantine = len(waiting(decisions, partial(bronze.committed_runs, lakehouse)))
    manifest = bronze.read_manifest(lakehouse, newest.ingestion_date, newest.run_id)

    def staged_outcomes(name: str) -> list[Outcome]:
        with explained(f"check {lakehouse.layout.gold_staging(name)}"):
            return measure(frames[name], GOLD[name].expect(GOLD[name], ledger))

    with ThreadPoolExecutor(4) as pool:
        of_gold = pool.map(staged_outcomes, GOLD)
        with explained(f"check the table {lakehouse.path(SILVER_BREWERIES)}"):
            outcomes = plausibility.outcomes(lakehouse, ledger, checks.silver_expectations(newest))
        rejected = silver.count_rejected(lakehouse, newest.ingestion_date, newest.run_id)
        outcomes += checks.reconciliation_outcomes(ledger, manifest, rejected)
        unpublished = [row for row in ledger if published is None or row.ingestion_date > published.ingestion_date]
        current_since = _current_since(manifest, decisions)
        outcomes += checks.freshness_outcomes(
            current_since, now, limits, past=not unpublished and published != built_from
        )
        outcomes += checks.gone_outcomes(unpublished or [newest], limits)
        for table in of_gold:
            outcomes += table
    results.keep(lakehouse, "publish", (newest.ingestion_date, newest.run_id), outcomes)
    figures = _figures(newest, manifest, outcomes, in_quarantine)
    if any(outcome.failed for outcome in outcomes):
        _leave_figures(lakehouse, figures)
    results.require(outcomes, "gold keeps its state; correct the cause and run the jobs again")
    publish.publish(lakehouse, frames, built_from)
    _leave_figures(
        lakehouse, replace(figures, gold=newest.total, gold_published=dt.datetime.now(dt.timezone.utc).timestamp())
    )
    log.info("gold is published from run %s", newest.run_id)
    return outcomes


def _leave_figures(lakehouse: Lakehouse, figures: Figures) -> None:
    lakehouse.write_text(lakehouse.layout.figures, figures.to_json())


def _current_since(manifest: Manifest, decisions: Standing) -> dt.datetime:
    """When the newest snapshot was complete; where a person accepted it, when that was."""
    decision = decisions.get((manifest.ingestion_date, manifest.run_id))
    return decision.at if decision and decision.verdict == "accepted" else manifest.finished_at


def _figures(newest: LedgerRow, manifest: Manifest, outcomes: Sequence[Outcome], in_quarantine: int) -> Figures:
    """What there is before gold is published."""
    return Figures(
        run_id=newest.run_id,
        bronze=newest.bronze_records,
        silver=newest.total,
        gold=None,
        rejected=newest.rejected,
        duplicates=newest.duplicates,
        failed_expectations=sum(outcome.failed for outcome in outcomes),
        warnings={
            outcome.expectation.name: float(outcome.observed)
            for outcome in outcomes
            if outcome.expectation.severity == "warn"
        },
        ingested=manifest.finished_at.timestamp(),
        gold_published=None,
        gone=newest.removed,
        in_quarantine=in_quarantine,
    )
