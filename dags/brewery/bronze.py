"""What bronze holds: dates, their runs, which of them are committed and which one counts (see `contract.runs`)."""

import datetime as dt
import secrets
from dataclasses import dataclass

from brewery.contract.decisions import Standing
from brewery.contract.layout import MANIFEST_NAME, RUN_PREFIX
from brewery.contract.manifest import Manifest, ManifestError
from brewery.contract.runs import date_of_folder, newest_first, parse_manifest, run_ids
from brewery.errors import ManifestInvalidError, NoCommittedRunError, StorageMissingError
from brewery.storage import Entry, Storage


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, committed or not.

    Attributes:
        ingestion_date: Date that it belongs to.
        run_id: Its id.
        path: The folder, as the layout writes it.
        committed: Whether it has a manifest, valid or not.
        files: Number of files in it.
        modified: When the newest of its files was written, UTC; None if the storage does not say.
    """

    ingestion_date: dt.date
    run_id: str
    path: str
    committed: bool
    files: int
    modified: dt.datetime | None


def new_run_id(now: dt.datetime) -> str:
    """A unique id that sorts by time, `20261124T055519Z-1a2b3c4d`.

    Args:
        now: Aware time.
    """
    return f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def list_dates(storage: Storage) -> list[dt.date]:
    """Dates that have a folder in bronze, in order.

    Raises:
        StorageError: Bronze could not be listed.
    """
    folders = (entry.name for entry in storage.list_folder(storage.layout.bronze) if entry.is_folder)
    return [date for name in folders if (date := date_of_folder(name))]


def list_run_ids(storage: Storage, ingestion_date: dt.date) -> list[str]:
    """Ids of a date's runs, committed or not, in order.

    Raises:
        StorageError: The date's folder could not be listed.
    """
    return list(_run_folders(storage, ingestion_date))


def list_runs(storage: Storage, ingestion_date: dt.date) -> list[RunFolder]:
    """A date's runs with the contents of their folders, in order of their ids.

    Raises:
        StorageError: A folder could not be listed.
    """
    folders = _run_folders(storage, ingestion_date)
    return [_run_folder(storage, ingestion_date, run_id, entry) for run_id, entry in folders.items()]


def read_manifest(storage: Storage, ingestion_date: dt.date, run_id: str) -> Manifest | None:
    """A run's manifest, or None if the run is not committed.

    Raises:
        ManifestInvalidError: It is invalid.
        StorageError: It could not be read.
    """
    path = storage.layout.manifest(ingestion_date, run_id)
    try:
        content = storage.read(path)
    except StorageMissingError:
        return None
    try:
        return parse_manifest(content, path, ingestion_date, run_id)
    except ManifestError as error:
        raise ManifestInvalidError(str(error)) from error


def committed_runs(storage: Storage, ingestion_date: dt.date) -> list[Manifest]:
    """Manifests of a date's committed runs, the one that counts first.

    Raises:
        ManifestInvalidError: One of them is invalid.
        StorageError: Bronze could not be read.
    """
    manifests = (read_manifest(storage, ingestion_date, run_id) for run_id in list_run_ids(storage, ingestion_date))
    return newest_first(manifest for manifest in manifests if manifest is not None)


def newest_run(storage: Storage, ingestion_date: dt.date) -> Manifest:
    """The run that counts for a date; raises what `require_runs` does."""
    return require_runs(storage, ingestion_date)[0]


def require_runs(storage: Storage, ingestion_date: dt.date) -> list[Manifest]:
    """Like `committed_runs`, but never empty.

    Raises:
        NoCommittedRunError: The date has none.
        ManifestInvalidError: A manifest of the date is invalid.
        StorageError: Bronze could not be read.
    """
    runs = committed_runs(storage, ingestion_date)
    if not runs:
        raise NoCommittedRunError(
            f"There is no committed bronze run of {ingestion_date.isoformat()} in "
            f"{storage.layout.bronze_date(ingestion_date)}: ingest that date first."
        )
    return runs


def remove_uncommitted(storage: Storage, older_than: dt.timedelta, now: dt.datetime) -> list[str]:
    """Remove what interrupted runs left; committed runs stay, even those with an invalid manifest.

    Args:
        storage: The lakehouse.
        older_than: Age of the last write from which on a folder is removed, so that a running ingestion is safe.
        now: Aware time.

    Returns:
        The removed folders.

    Raises:
        StorageError: A folder could not be listed or removed.
    """
    removed = []
    for ingestion_date in list_dates(storage):
        for run in list_runs(storage, ingestion_date):
            if not run.committed and run.modified is not None and now - run.modified > older_than:
                storage.delete(run.path)
                removed.append(run.path)
    return removed


def remove_superseded(
    storage: Storage, standing: Standing, older_than: dt.timedelta, now: dt.datetime
) -> list[str]:
    """Remove committed runs of a date that a newer one has superseded, which was not refused or discarded.

    Args:
        storage: The lakehouse.
        standing: The decisions that hold.
        older_than: How long ago the newer run was committed: until then an older one may count again.
        now: Aware time.

    Returns:
        The removed folders.

    Raises:
        ManifestInvalidError: A manifest is invalid.
        StorageError: A folder could not be listed or removed.
    """
    removed = []
    for ingestion_date in list_dates(storage):
        if len(list_run_ids(storage, ingestion_date)) < 2:
            continue
        runs = committed_runs(storage, ingestion_date)
        for index, run in enumerate(runs):
            decision = standing.get((ingestion_date, run.run_id))
            if decision and decision.verdict in ("refused", "discarded"):
                continue
            if now - run.finished_at > older_than:
                for older in runs[index + 1 :]:
                    # Without its manifest, what an interruption leaves is an uncommitted run.
                    storage.delete(storage.layout.manifest(ingestion_date, older.run_id))
                    storage.delete(storage.layout.bronze_run(ingestion_date, older.run_id))
                    removed.append(storage.layout.bronze_run(ingestion_date, older.run_id))
            break
    return removed


def _run_folders(storage: Storage, ingestion_date: dt.date) -> dict[str, Entry]:
    """Run id -> its folder, in order of the ids."""
    entries = storage.list_folder(storage.layout.bronze_date(ingestion_date))
    folders = {entry.name: entry for entry in entries if entry.is_folder}
    return {run_id: folders[f"{RUN_PREFIX}{run_id}"] for run_id in run_ids(folders)}


def _run_folder(storage: Storage, ingestion_date: dt.date, run_id: str, folder: Entry) -> RunFolder:
    path = storage.layout.bronze_run(ingestion_date, run_id)
    entries = storage.list_folder(path)
    times = [entry.modified for entry in (folder, *entries) if entry.modified is not None]
    return RunFolder(
        ingestion_date=ingestion_date,
        run_id=run_id,
        path=path,
        committed=any(entry.name == MANIFEST_NAME for entry in entries),
        files=len(entries),
        modified=max(times, default=None),
    )
