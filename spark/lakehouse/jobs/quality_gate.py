"""Quality gate: check silver and the staged gold tables, and publish the latter if all is well."""

import datetime as dt
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from brewery.contract.figures import Figures
from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from lakehouse import bronze, publish, silver
from lakehouse.definitions import SILVER_BREWERIES
from lakehouse.errors import explained
from lakehouse.gold import GOLD
from lakehouse.ledger import require_ledger
from lakehouse.quality import checks, plausibility, results
from lakehouse.quality.expectations import Outcome, measure
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


def run(
    spark: SparkSession, layout: Layout, limits: checks.Limits | None = None, now: dt.datetime | None = None
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
    limits = limits or checks.Limits()
    ledger = require_ledger(lakehouse)
    newest = ledger[-1]
    built_from = publish.Stage.of(newest)
    frames = publish.staged(lakehouse, built_from)
    now = now or dt.datetime.now(dt.timezone.utc)
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
        outcomes += checks.freshness_outcomes(manifest, now, limits)
        for table in of_gold:
            outcomes += table
    results.keep(lakehouse, "publish", (newest.ingestion_date, newest.run_id), outcomes)
    if any(outcome.failed for outcome in outcomes):
        _leave_figures(lakehouse, _figures(newest, manifest, outcomes, published=None))
    results.require(outcomes, "gold keeps its state; correct the cause and run the jobs again")
    publish.publish(lakehouse, frames, built_from)
    published = dt.datetime.now(dt.timezone.utc)
    _leave_figures(lakehouse, _figures(newest, manifest, outcomes, published=published))
    log.info("gold is published from run %s", newest.run_id)
    return outcomes


def _leave_figures(lakehouse: Lakehouse, figures: Figures) -> None:
    lakehouse.write_text(lakehouse.layout.figures, figures.to_json())


def _figures(
    newest: LedgerRow, manifest: Manifest, outcomes: Sequence[Outcome], *, published: dt.datetime | None
) -> Figures:
    return Figures(
        run_id=newest.run_id,
        bronze=newest.bronze_records,
        silver=newest.total,
        gold=newest.total if published else None,
        rejected=newest.rejected,
        duplicates=newest.duplicates,
        failed_expectations=sum(outcome.failed for outcome in outcomes),
        warnings={
            outcome.expectation.name: float(outcome.observed)
            for outcome in outcomes
            if outcome.expectation.severity == "warn"
        },
        ingested=manifest.finished_at.timestamp(),
        gold_published=published.timestamp() if published else None,
    )
