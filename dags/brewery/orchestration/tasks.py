"""The bodies of the ingestion DAG's tasks: settings and storage from the deployment, errors for Airflow."""

import datetime as dt
import logging
from typing import Final

from airflow.providers.common.compat.sdk import ObjectStoragePath

from brewery.bronze import remove_superseded, remove_uncommitted
from brewery.contract.decisions import standing
from brewery.ingestion import Progress, ingest
from brewery.orchestration.failures import for_airflow
from brewery.orchestration.settings import OrchestrationSettings
from brewery.quarantine import read_decisions
from brewery.settings import Settings
from brewery.storage import Storage
from brewery.validation import validate

log = logging.getLogger(__name__)
progress_log = logging.getLogger("brewery.ingestion.progress")
"""One record a page, with `done`, `total` and `note` as attributes for whoever draws them."""

KEEP_INTERRUPTED: Final = dt.timedelta(days=7)
"""How long what an interrupted run left in bronze can still be looked at."""


def ingest_date(ingestion_date: dt.date) -> None:
    """Ingest a snapshot of the API into bronze; raises what `for_airflow` does."""
    with for_airflow():
        settings = Settings.from_env()
        result = ingest(settings, open_lakehouse(settings), ingestion_date, on_progress=_report)
    log.info("Committed %s: %s records in %s pages", result.manifest_path, result.records, result.pages)


def validate_date(ingestion_date: dt.date) -> None:
    """Check the run that counts for a date against its manifest, then remove old uncommitted runs.

    Raises what `for_airflow` does.
    """
    with for_airflow():
        storage = open_lakehouse(Settings.from_env())
        log.info("Validated: %s", validate(storage, ingestion_date))
        for folder in remove_uncommitted(storage, KEEP_INTERRUPTED, dt.datetime.now(dt.UTC)):
            log.info("Removed what an interrupted run left: %s", folder)


def clean_bronze(keep_superseded: dt.timedelta) -> None:
    """Remove superseded runs, and what interrupted runs left; raises what `for_airflow` does."""
    now = dt.datetime.now(dt.UTC)
    with for_airflow():
        storage = open_lakehouse(Settings.from_env())
        removed = remove_superseded(storage, standing(read_decisions(storage)), keep_superseded, now)
        removed += remove_uncommitted(storage, KEEP_INTERRUPTED, now)
    for folder in removed:
        log.info("Removed %s", folder)
    log.info("Removed %s runs from bronze", len(removed))


def clean_airflow_database(keep: dt.timedelta) -> None:
    """Delete runs, task instances and events that are older, as `airflow db clean` does."""
    import pendulum
    from airflow.utils.db_cleanup import run_cleanup

    run_cleanup(clean_before_timestamp=pendulum.now("UTC") - keep, confirm=False, skip_archive=True)


def open_lakehouse(settings: Settings) -> Storage:
    """The lakehouse's storage; on S3 with the credentials of Airflow's connection, if one is named."""
    uri = settings.lakehouse_uri
    connection = OrchestrationSettings.from_env().lakehouse_connection
    if not connection or not uri.startswith(("s3://", "s3a://")):
        return Storage.for_uri(uri)
    path = ObjectStoragePath(f"s3://{uri.partition('://')[2]}", conn_id=connection)
    return Storage(path.fs, uri)


def _report(progress: Progress) -> None:
    progress_log.info(
        "page %s of %s",
        progress.pages,
        progress.pages_total,
        extra={"done": progress.pages, "total": progress.pages_total, "note": f"{progress.records:,} breweries"},
    )
