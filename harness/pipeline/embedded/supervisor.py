"""Starts the worker, follows its events, and ends it in good order whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import ROOT
from harness.pipeline.embedded.events import Event, Failed, Finished, read_events

STOP_SECONDS = 20
"""How long an interrupted worker may take to stop Spark before it is killed."""


def run_worker(
    ingestion_date: date, environment: Mapping[str, str], log_file: Path, on_event: Callable[[Event], None]
) -> Finished:
    """Run both DAGs for one date in a process of their own.

    Args:
        ingestion_date: The date to ingest.
        environment: Whole environment of the process.
        log_file: Receives what Airflow and Spark print.
        on_event: Called for each event but the last, which is returned.
    """
    read_fd, write_fd = os.pipe()
    with log_file.open("ab") as log, os.fdopen(read_fd, encoding="utf-8") as events:
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "harness.pipeline.embedded.worker",
                    ingestion_date.isoformat(),
                    str(write_fd),
                ],
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_fd,),
                # Ctrl-C reaches the front alone, which then stops the worker and its JVM in order.
                start_new_session=True,
            )
        finally:
            os.close(write_fd)
        last: Event | None = None
        try:
            for event in read_events(events):
                last = event
                if not isinstance(event, Finished | Failed):
                    on_event(event)
            process.wait()
        finally:
            _stop(process)
    if isinstance(last, Finished) and process.returncode == 0:
        return last
    if isinstance(last, Failed):
        raise HarnessError(f"{last.stage} failed: {last.sentence.rstrip('.')}. The log is {log_file}.")
    raise HarnessError(f"The run ended without a result (exit code {process.returncode}): see its log, {log_file}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the worker's whole process group, Spark's JVM included."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
