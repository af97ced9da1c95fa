"""The process in which Airflow runs both DAGs: `python -m harness.pipeline.embedded.worker DATE EVENTS_FD`.

It exits with 0 after `Finished`, with 1 after `Failed`; what Airflow and Spark print goes to its own stdout and
stderr, which the front keeps in a log file.
"""

import datetime as dt
import importlib.metadata
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from harness.pipeline.embedded.events import Failed, Finished, Progress, StageEnded, StageStarted, write_event
from harness.pipeline.embedded.explain import explain

INGESTION_DAG = "brewapi-ingestion-validation-minio"
TRANSFORMATION_DAG = "brew-process-transformation"
PROGRESS_LOGGER = "brewery.ingestion.progress"

log = logging.getLogger(__name__)


class RunError(Exception):
    """The run cannot go on; the message is a sentence for the user."""

    def __init__(self, stage: str, sentence: str) -> None:
        super().__init__(sentence)
        self.stage = stage


class TaskListener:
    """Airflow listener: tells the front when a task starts and ends, and keeps the error of one that failed."""

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit
        self._started: dict[str, float] = {}
        self.error: BaseException | str | None = None

    def running(self, task_id: str) -> None:
        self._started[task_id] = time.monotonic()
        self._emit(StageStarted(task_id))

    def success(self, task_id: str) -> None:
        self._emit(StageEnded(task_id, time.monotonic() - self._started[task_id]))

    def failed(self, error: BaseException | str | None) -> None:
        self.error = error


def _register(listener: TaskListener) -> None:
    from airflow.listeners import hookimpl
    from airflow.listeners.listener import get_listener_manager

    class Hooks:
        """Airflow finds hooks by name and parameter names."""

        @hookimpl
        def on_task_instance_running(self, task_instance: Any) -> None:
            listener.running(task_instance.task_id)

        @hookimpl
        def on_task_instance_success(self, task_instance: Any) -> None:
            listener.success(task_instance.task_id)

        @hookimpl
        def on_task_instance_failed(self, error: Any) -> None:
            listener.failed(error)

    manager: Any = get_listener_manager()
    manager.add_listener(Hooks())


class ProgressHandler(logging.Handler):
    """Forwards the ingestion's progress records (`done`, `total`, `note` as extras) to the front."""

    def __init__(self, emit: Callable[[Any], None]) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if "done" in fields:
            self._emit(Progress("ingest_to_bronze", fields["done"], fields["total"], fields.get("note", "")))


def _prepare_database() -> None:
    """Create or upgrade the SQLite metadata; an interrupted creation leaves no database behind."""
    # The user table that runs refer to: without it SQLAlchemy cannot replace the run of a re-ingested day.
    import airflow.providers.fab.auth_manager.models  # noqa: F401  (imported for that effect)
    from airflow import settings
    from airflow.utils.db import initdb

    database = Path(settings.engine.url.database)
    ready = database.with_suffix(".ready")
    if ready.exists() and ready.read_text() == importlib.metadata.version("apache-airflow"):
        return
    database.unlink(missing_ok=True)
    initdb(load_connections=False)
    ready.write_text(importlib.metadata.version("apache-airflow"))


def _load_dags() -> dict[str, Any]:
    from airflow.models import DagBag

    bag = DagBag(read_dags_from_db=False, include_examples=False)
    if bag.import_errors:
        path, error = next(iter(bag.import_errors.items()))
        raise RunError("airflow", f"the DAG file {path} does not load: {explain(error.splitlines()[-1])}")
    bag.sync_to_db()
    return dict(bag.dags)


def _run_dag(
    dag: Any, logical_date: dt.datetime, listener: TaskListener, own: tuple[type[BaseException], ...]
) -> None:
    from airflow.utils.state import DagRunState, TaskInstanceState

    run = dag.test(execution_date=logical_date)
    if run.state == DagRunState.SUCCESS:
        return
    failed = next(
        (ti.task_id for ti in run.get_task_instances() if ti.state == TaskInstanceState.FAILED), dag.dag_id
    )
    raise RunError(failed, explain(listener.error, own=own))


def _take_dataset_events() -> int:
    """Remove the Dataset events that wait for the second DAG, as Airflow's scheduler would; how many there were."""
    from airflow.models.dataset import DatasetDagRunQueue
    from airflow.utils.session import create_session

    with create_session() as session:
        waiting = session.query(DatasetDagRunQueue).filter(DatasetDagRunQueue.target_dag_id == TRANSFORMATION_DAG)
        return int(waiting.delete(synchronize_session=False))


def _versions() -> dict[str, str]:
    names = {"Airflow": "apache-airflow", "Spark": "pyspark", "Delta Lake": "delta-spark"}
    return {name: importlib.metadata.version(package) for name, package in names.items()}


def _start_spark() -> threading.Thread:
    """Start the JVM while Airflow loads and the ingestion waits for the network."""

    def start() -> None:
        from lakehouse.session import get_session

        try:
            get_session()
        except Exception:
            # The task that needs the session will meet the same error, and is the one to report it.
            log.exception("Spark did not start")

    thread = threading.Thread(target=start, name="spark-start", daemon=True)
    thread.start()
    return thread


def run(date: dt.date, emit: Callable[[Any], None]) -> None:
    """Run both DAGs for one date; `emit` receives the events, except the final `Failed`."""
    warnings.filterwarnings("ignore")
    emit(StageStarted("airflow"))
    started = time.monotonic()
    spark = _start_spark()
    _prepare_database()
    dags = _load_dags()
    from airflow.exceptions import AirflowException

    from brewery.contract.errors import PipelineError

    own = (PipelineError, AirflowException)
    listener = TaskListener(emit)
    _register(listener)
    logging.getLogger(PROGRESS_LOGGER).addHandler(ProgressHandler(emit))
    emit(StageEnded("airflow", time.monotonic() - started))

    logical_date = dt.datetime.combine(date, dt.time(), tzinfo=dt.UTC)
    _take_dataset_events()
    _run_dag(dags[INGESTION_DAG], logical_date, listener, own)
    dataset_events = _take_dataset_events()
    if not dataset_events:
        raise RunError(
            INGESTION_DAG,
            f"{INGESTION_DAG} succeeded but left no Dataset event for {TRANSFORMATION_DAG}; "
            "check that both DAGs name the same Dataset",
        )
    spark.join()
    _run_dag(dags[TRANSFORMATION_DAG], logical_date, listener, own)
    emit(Finished(dataset_events, _versions()))


def main(arguments: Sequence[str]) -> int:
    date = dt.date.fromisoformat(arguments[0])
    stream: IO[str] = os.fdopen(int(arguments[1]), "w", encoding="utf-8")
    guard = threading.Lock()

    def emit(event: Any) -> None:
        with guard:
            write_event(stream, event)

    try:
        run(date, emit)
    except RunError as error:
        emit(Failed(error.stage, str(error)))
        return 1
    except Exception as error:
        log.exception("the run ended unexpectedly")
        emit(Failed("airflow", explain(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
