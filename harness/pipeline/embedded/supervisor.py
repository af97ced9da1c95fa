"""Starts the worker, follows its events, and ends it in good order whatever happens."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from brewery.contract.endings import ending
from harness.errors import HarnessError
from harness.paths import ROOT
from harness.pipeline.embedded.events import Event, Failed, Finished, read_events
from harness.pipeline.embedded.guard import STOP_SECONDS

WORKER = "harness.pipeline.embedded.worker"
"""The module that is the worker's program."""


def run_worker(
    ingestion_date: date,
    environment: Mapping[str, str],
    log_file: Path,
    on_event: Callable[[Event], None],
    *,
    lock: int,
) -> Finished:
    """Run both DAGs for one date in a process of their own.

    Args:
        ingestion_date: The date to ingest.
        environment: Whole environment of the process.
        log_file: Receives what Airflow and Spark print.
        on_event: Called for each event but the last, which is returned.
        lock: File descriptor of the lakehouse's lock, which the processes that write hold as well.
    """
    events_read, events_write = os.pipe()
    lifeline_read, lifeline = os.pipe()
    passed = (events_write, lifeline_read, lock)
    with log_file.open("ab") as log, os.fdopen(events_read, encoding="utf-8") as events, os.fdopen(lifeline, "wb"):
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    WORKER,
                    ingestion_date.isoformat(),
                    *map(str, passed),
                ],
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=passed,
                # Ctrl-C reaches the front alone, which then stops the worker and its JVM in order.
                start_new_session=True,
            )
        finally:
            os.close(events_write)
            os.close(lifeline_read)
        last: Event | None = None
        try:
            for event in read_events(events):
                last = event
                if not isinstance(event, Finished | Failed):
                    on_event(event)
            _await_end(process)
        finally:
            _stop(process, lifeline)
    if isinstance(last, Finished) and process.returncode == 0:
        return last
    if isinstance(last, Failed):
        raise HarnessError(f"{last.stage} failed: {last.sentence.rstrip('.')}. The log is {log_file}.")
    raise HarnessError(
        f"The run has no result because its process {ending(process.returncode)}. The log is {log_file}."
    )


def _stop(process: subprocess.Popen[bytes], lifeline: int) -> None:
    """Have the guard end what still runs; kill the whole process group where it cannot, or was killed itself."""
    with suppress(BrokenPipeError):
        os.write(lifeline, b".")
    _await_end(process, seconds=2 * STOP_SECONDS)
    # Not reaped before that, so that the group cannot be another one.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await_end(process: subprocess.Popen[bytes], seconds: float | None = None) -> None:
    ended = os.pidfd_open(process.pid)
    try:
        select.select([ended], [], [], seconds)
    finally:
        os.close(ended)
