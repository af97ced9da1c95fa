"""The decisions on runs (see `contract.decisions`) in a lakehouse's storage."""

import datetime as dt

from brewery.bronze import committed_runs
from brewery.contract.decisions import Decision
from brewery.storage import Storage


def read_decisions(storage: Storage) -> list[Decision]:
    """Every decision, oldest first.

    Raises:
        DecisionError: A file is something else.
        StorageError: One could not be read.
    """
    folder = storage.layout.decisions
    paths = [f"{folder}/{entry.name}" for entry in storage.list_folder(folder) if entry.name.endswith(".json")]
    return [Decision.from_json(storage.read(path), path) for path in paths]


def record(storage: Storage, decision: Decision) -> None:
    """Add a decision.

    Raises:
        StorageError: It could not be written.
    """
    storage.write(f"{storage.layout.decisions}/{decision.file_name()}", decision.to_json().encode())


def runs_of(storage: Storage, date: dt.date) -> list[str]:
    """The committed runs of a date, newest first; raises what `committed_runs` does."""
    return [manifest.run_id for manifest in committed_runs(storage, date)]
