"""Quality gate: check silver and the staged gold tables, and publish the latter if all is well."""

import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from brewery.contract.figures import Figures
from brewery.contract.layout import GOLD_TABLES, Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from lakehouse import bronze, publish, silver
from lakehouse.errors import explained
from lakehouse.ledger import require_ledger
from lakehouse.quality import checks, results
from lakehouse.quality.expectations import Outcome, measure
from lakehouse.storage import Files, spark_layout

log = logging.getLogger(__name__)


def run(
    spark: SparkSession, layout: Layout, limits: checks.Limits | None = None, now: dt.datetime | None = None
) -> list[Outcome]:
    """Check, then publish.

    Args:
        spark: Session.
        layout: Paths.
        limits: What the gate allows.
        now: Aware time that the age of the newest snapshot counts to; by default the present.

    Returns:
        All outcomes.

    Raises:
        LakehouseError: An expectation of severity error does not hold (gold then stays as it was), no gold is
            staged, or the lakehouse cannot be read or written.
    """
    layout = spark_layout(layout)
    limits = limits or checks.Limits()
    files = Files(spark, layout.root)
    ledger = require_ledger(spark, files, layout)
    newest = ledger[-1]
    made_from = publish.Stage.of(newest)
    frames = publish.staged(spark, files, layout, made_from)
    now = now or dt.datetime.now(dt.timezone.utc)
    manifest = bronze.read_manifest(files, layout, newest.ingestion_date, newest.run_id)

    def staged_outcomes(name: str) -> list[Outcome]:
        with explained(f"check {layout.gold_staging(name)}"):
            return measure(frames[name], checks.gold_expectations(name, newest, len(ledger)))

    with ThreadPoolExecutor(4) as pool:
        of_gold = pool.map(staged_outcomes, GOLD_TABLES)
        with explained(f"check the table {layout.silver_breweries}"):
            breweries = spark.read.format("delta").load(layout.silver_breweries)
            outcomes = measure(breweries, checks.silver_expectations(newest))
        rejected = silver.count_rejected(spark, files, layout, newest.ingestion_date, newest.run_id)
        outcomes += checks.reconciliation_outcomes(ledger, manifest, rejected)
        outcomes += checks.freshness_outcomes(manifest, now, limits)
        for table in of_gold:
            outcomes += table
    results.keep(spark, files, layout, "publish", (newest.ingestion_date, newest.run_id), outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    if failed:
        files.write_text(layout.figures, _figures(newest, manifest, failed, published=None).to_json())
    results.require(outcomes, "gold keeps its state; correct the cause and run the jobs again")
    publish.publish(spark, layout, frames, made_from)
    published = dt.datetime.now(dt.timezone.utc)
    files.write_text(layout.figures, _figures(newest, manifest, 0, published=published).to_json())
    log.info("gold is published from run %s", newest.run_id)
    return outcomes


def _figures(newest: LedgerRow, manifest: Manifest, failed: int, *, published: dt.datetime | None) -> Figures:
    return Figures(
        run_id=newest.run_id,
        bronze=newest.bronze_records,
        silver=newest.total,
        gold=newest.total if published else None,
        rejected=newest.rejected,
        duplicates=newest.duplicates,
        failed_expectations=failed,
        ingested=manifest.finished_at.timestamp(),
        gold_published=published.timestamp() if published else None,
    )
