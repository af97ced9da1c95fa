"""The embedded lakehouse's folder: made, emptied on demand, and asked for its newest day."""

import datetime as dt
import errno
import json
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from brewery.bronze import list_dates, list_runs, newest_run
from brewery.contract.decisions import standing
from brewery.contract.errors import CAUSES, PipelineError
from brewery.errors import StorageMissingError
from brewery.quarantine import read_decisions
from brewery.storage import Storage
from harness.errors import HarnessError, UsageError
from harness.pipeline.embedded import simulation
from harness.pipeline.embedded.lock import LOCK

_LAYERS = ("bronze", "silver", "gold", "quality")


def prepare(root: Path | str, *, fresh: bool) -> None:
    """Create the folder, and remove its layers if `fresh`; one with anything else in it is refused."""
    storage = Storage.for_uri(str(root))
    try:
        if isinstance(storage.fs, LocalFileSystem):
            Path(root).mkdir(parents=True, exist_ok=True)
        root = storage.layout.root
        for entry in storage.list_folder(root):
            if entry.name not in (*_LAYERS, LOCK):
                raise HarnessError(
                    f"{root} holds {entry.name!r}, so it is not a lakehouse: name an empty folder with --lakehouse."
                )
        if isinstance(storage.fs, LocalFileSystem):
            (Path(root) / LOCK).touch()
    except OSError as error:
        raise HarnessError(f"The lakehouse {root} {_reason(error)}.") from None
    if fresh:
        for layer in _LAYERS:
            storage.delete(f"{root}/{layer}")


def choose_date(root: Path | str, given: str | None, *, simulated: bool, changes: bool) -> dt.date:
    """The date that was given, else that of an interrupted run or the next of a mock API, else today (UTC).

    Args:
        root: The lakehouse's folder, or `s3://bucket/prefix`.
        given: The date as the user wrote it.
        simulated: Whether the mock API is read.
        changes: Whether its data changes from day to day, so that it starts on a certain day.
    """
    if given is not None:
        try:
            date = dt.date.fromisoformat(given)
        except ValueError:
            raise UsageError(f"{given!r} is not a date: write it as 2025-01-31.") from None
    elif simulated:
        dates = committed_dates(root)
        interrupted = bool(dates) and _was_interrupted(Storage.for_uri(str(root)), dates[-1])
        date = dates[-1] if interrupted else simulation.next_date(dates)
    else:
        date = dt.datetime.now(dt.UTC).date()
    if changes:
        try:
            simulation.day_number(date)
        except ValueError as error:
            raise UsageError(f"{error}: choose another --date.") from None
    return date


def committed_dates(root: Path | str) -> list[dt.date]:
    """Dates with a committed bronze run, in order."""
    storage = Storage.for_uri(str(root))
    return [date for date in list_dates(storage) if any(run.committed for run in list_runs(storage, date))]


def newest_records(root: Path | str) -> int:
    """Records of the newest committed run; 0 where there is none, or none that can be read."""
    storage = Storage.for_uri(str(root))
    try:
        return newest_run(storage, committed_dates(root)[-1]).records
    except (IndexError, PipelineError):
        return 0


def _was_interrupted(storage: Storage, date: dt.date) -> bool:
    """Whether the run that ingested a date ended before a gate had said anything about it.

    That is what Ctrl-C, SIGKILL and a power failure leave. A run that was refused, accepted or discarded is done.
    """
    run_id = [run.run_id for run in list_runs(storage, date) if run.committed][-1]
    decision = standing(read_decisions(storage)).get((date, run_id))
    judged = decision is not None and decision.verdict != "passed"
    return not judged and _checked_run(storage) != run_id


def _checked_run(storage: Storage) -> str | None:
    """The run that the publish gate checked last, whatever the outcome."""
    try:
        figures = json.loads(storage.read(storage.layout.figures))
    except (StorageMissingError, ValueError):
        return None
    return figures.get("run_id") if isinstance(figures, dict) else None


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "is not a folder: name another one with --lakehouse"
    reason = next((cause.reason for cause in CAUSES if error.errno in cause.errnos), error.strerror)
    return f"cannot be used ({reason}): correct that, or name another folder with --lakehouse"
