"""The pipeline's own figures as Airflow metrics, which the StatsD exporter offers to Prometheus."""

import logging
from typing import Any

from airflow.providers.common.compat.sdk import Stats

from brewery.contract.errors import PipelineError
from brewery.contract.figures import Figures
from brewery.contract.upkeep import Upkeep
from brewery.errors import StorageMissingError
from brewery.orchestration.tasks import open_lakehouse
from brewery.settings import Settings

log = logging.getLogger(__name__)


def gauges(figures: Figures) -> dict[str, float]:
    """Metric name -> value; what a failed gate did not reach keeps its former value.

    docs/reference/metrics.md lists the names and the Prometheus metrics that they become.
    """
    values = {
        "lakehouse.records.bronze": figures.bronze,
        "lakehouse.records.silver": figures.silver,
        "lakehouse.records.gold": figures.gold,
        "lakehouse.rejected": figures.rejected,
        "lakehouse.duplicates": figures.duplicates,
        "lakehouse.gone": figures.gone,
        "lakehouse.in_quarantine": figures.in_quarantine,
        "lakehouse.failed_expectations": figures.failed_expectations,
        **{f"lakehouse.warnings.{name}": observed for name, observed in figures.warnings.items()},
        "lakehouse.ingested": figures.ingested,
        "lakehouse.gold_published": figures.gold_published,
    }
    return {name: value for name, value in values.items() if value is not None}


def send_figures(_context: Any) -> None:
    """Send what the newest quality gate left in the lakehouse; a callback of the gate's task.

    The gate's own result stands whatever happens here, so what cannot be sent is logged.
    """
    try:
        storage = open_lakehouse(Settings.from_env())
        figures = Figures.from_json(storage.read(storage.layout.figures).decode())
    except StorageMissingError:
        log.info("No quality gate has left figures yet.")
        return
    except (PipelineError, ValueError) as error:
        log.warning("The figures of the quality gate were not sent: %s", error)
        return
    for name, value in gauges(figures).items():
        Stats.gauge(name, value)


def send_upkeep(_context: Any) -> None:
    """Send the effect of the maintenance; a callback of its task, whose result stands whatever happens here."""
    try:
        storage = open_lakehouse(Settings.from_env())
        upkeep = Upkeep.from_json(storage.read(storage.layout.upkeep).decode())
    except (PipelineError, ValueError) as error:
        log.warning("The effect of the maintenance was not sent: %s", error)
        return
    Stats.gauge("lakehouse.maintenance.files", upkeep.files)
    Stats.gauge("lakehouse.maintenance.removed_files", upkeep.files_before - upkeep.files)
    Stats.gauge("lakehouse.maintenance_ended", upkeep.ended)


def dag_succeeded(context: Any) -> None:
    """Say that a DAG's newest run succeeded; a callback of the DAG."""
    _send_outcome(context, failed=False)


def dag_failed(context: Any) -> None:
    """Say that a DAG's newest run failed; a callback of the DAG."""
    _send_outcome(context, failed=True)


def _send_outcome(context: Any, *, failed: bool) -> None:
    """A gauge and no counter: an alert on it clears with the next run that succeeds."""
    Stats.gauge(f"lakehouse.dag_failed.{context['dag_run'].dag_id}", int(failed))
