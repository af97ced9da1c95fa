"""The process in which Airflow runs both DAGs.

`python -m harness.pipeline.embedded.worker DATE EVENTS LIFELINE LOCK`: the last three are file descriptors, for
`events`, for the `guard`, and of the lakehouse's lock.

It exits with 0 after `Finished`, with 1 after `Failed`; what Airflow and Spark print goes to its own stdout and
stderr, which the front keeps in a log file.
"""

import datetime as dt
import importlib.metadata
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from harness.pipeline.embedded.events import (
    Failed,
    Finished,
    Progress,
    Retrying,
    StageEnded,
    StageStarted,
    write_event,
)
from harness.pipeline.embedded.explain import explain, explain_start
from harness.pipeline.embedded.guard import fork_guarded
from harness.pipeline.embedded.lease import keep_renewed

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

    def __init__(self, emit: Callable[[Any], None], own: tuple[type[BaseException], ...]) -> None:
        self._emit = emit
        self._own = own
        self._started: dict[str, float] = {}
        self._error: BaseException | str | None = None

    def running(self, task_id: str) -> None:
        self._started[task_id] = time.monotonic()
        self._emit(StageStarted(task_id))

    def success(self, task_id: str) -> None:
        self._emit(StageEnded(task_id, time.monotonic() - self._started[task_id]))

    def reason(self) -> str:
        return explain(self._error, own=self._own)

    def failed(self, task_id: str, error: BaseException | str | None, retry_in: float | None) -> None:
        self._error = error
        if retry_in is not None:
            self._emit(Retrying(task_id, self.reason(), retry_in))


def _register(listener: TaskListener) -> None:
    from airflow.listeners import hookimpl
    from airflow.listeners.listener import get_listener_manager
    from airflow.utils.state import TaskInstanceState

    class Hooks:
        """Airflow finds hooks by name and parameter names."""

        @hookimpl
        def on_task_instance_running(self, task_instance: Any) -> None:
            listener.running(task_instance.task_id)

        @hookimpl
        def on_task_instance_success(self, task_instance: Any) -> None:
            listener.success(task_instance.task_id)

        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
            retry_in = None
            if task_instance.state == TaskInstanceState.UP_FOR_RETRY:
                delay = task_instance.next_retry_datetime() - dt.datetime.now(dt.UTC)
                retry_in = max(0.0, delay.total_seconds())
            listener.failed(task_instance.task_id, error, retry_in)

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


def _run_dag(dag: Any, logical_date: dt.datetime, listener: TaskListener) -> None:
    from airflow.utils.state import DagRunState, TaskInstanceState

    run = dag.test(execution_date=logical_date)
    if run.state == DagRunState.SUCCESS:
        return
    failed = next(
        (ti.task_id for ti in run.get_task_instances() if ti.state == TaskInstanceState.FAILED), dag.dag_id
    )
    raise RunError(failed, listener.reason())


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


class SparkStart(threading.Thread):
    """Starts the JVM, which holds the lock too, while Airflow loads and the ingestion waits for the network.

    It reads the ledger, so that Java has loaded by then what the jobs read tables with; they report what is wrong.
    """

    def __init__(self, lock: int) -> None:
        super().__init__(name="spark-start", daemon=True)
        self._lock = lock
        self._failure: str | None = None

    def run(self) -> None:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway

        from brewery.contract.layout import Layout
        from lakehouse.errors import LakehouseError
        from lakehouse.java import java_explained
        from lakehouse.ledger import read_ledger
        from lakehouse.session import get_session, session_config
        from lakehouse.storage import Lakehouse

        # Java and this process print to the same file.
        with Path("/proc/self/fd/1").open(encoding="utf-8", errors="replace") as output:
            output.seek(0, os.SEEK_END)
            try:
                settings = SparkConf(loadDefaults=False).setAll(list(session_config().items()))
                gateway = launch_gateway(settings, {"pass_fds": (self._lock,)})  # type: ignore[no-untyped-call]
                SparkContext._ensure_initialized(gateway=gateway)
                with java_explained():
                    session = get_session()
                with suppress(LakehouseError):
                    read_ledger(Lakehouse.open(session, Layout(os.environ["LAKEHOUSE_URI"])))
            except Exception as error:
                self._failure = explain_start(error, output.read())
                log.exception("Spark did not start")

    def finish(self) -> None:
        """Wait until Spark is there.

        Raises:
            RunError: It did not start.
        """
        self.join()
        if self._failure:
            raise RunError("Spark", self._failure)


def run(date: dt.date, emit: Callable[[Any], None], lock: int) -> None:
    """Run both DAGs for one date; `emit` receives the events, except the final `Failed`."""
    warnings.filterwarnings("ignore")
    emit(StageStarted("airflow"))
    started = time.monotonic()
    spark = SparkStart(lock)
    spark.start()
    _prepare_database()
    dags = _load_dags()
    from airflow.exceptions import AirflowException

    from brewery.contract.errors import PipelineError

    own = (PipelineError, AirflowException)
    listener = TaskListener(emit, own)
    _register(listener)
    logging.getLogger(PROGRESS_LOGGER).addHandler(ProgressHandler(emit))
    emit(StageEnded("airflow", time.monotonic() - started))

    logical_date = dt.datetime.combine(date, dt.time(), tzinfo=dt.UTC)
    _take_dataset_events()
    _run_dag(dags[INGESTION_DAG], logical_date, listener)
    dataset_events = _take_dataset_events()
    if not dataset_events:
        raise RunError(
            INGESTION_DAG,
            f"{INGESTION_DAG} succeeded but left no Dataset event for {TRANSFORMATION_DAG}; "
            "check that both DAGs name the same Dataset",
        )
    spark.finish()
    _run_dag(dags[TRANSFORMATION_DAG], logical_date, listener)
    emit(Finished(dataset_events, _versions()))


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
    """Unwind; within a task Airflow has a handler of its own, to the same end."""
    sys.exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    date = dt.date.fromisoformat(arguments[0])
    events, lifeline, lock = map(int, arguments[1:])
    fork_guarded(lifeline, events)
    signal.signal(signal.SIGTERM, _stop)
    stream: IO[str] = os.fdopen(events, "w", encoding="utf-8")
    guard = threading.Lock()

    def emit(event: Any) -> None:
        with guard:
            write_event(stream, event)

    def stop(sentence: str) -> None:
        emit(Failed("The lock", sentence))
        # The guard ends Java with this process.
        os.kill(os.getpid(), signal.SIGKILL)

    if lease := os.environ.get("LAKEHOUSE_LEASE"):
        keep_renewed(lease, stop)
    try:
        run(date, emit, lock)
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
