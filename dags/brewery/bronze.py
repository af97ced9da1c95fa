"""What bronze holds: dates, their runs, which of them are committed and which one counts.

The newest committed run of a date (by `finished_at`, then by run id) is the one that counts; the others of that
date are superseded. A run without a manifest is not committed, and does not exist for any reader.
"""

import datetime as dt
import secrets
from dataclasses import dataclass

from brewery.contract.layout import MANIFEST_NAME, page_file
from brewery.contract.manifest import Manifest, ManifestError
from brewery.errors import ManifestInvalidError, NoCommittedRunError, StorageMissingError
from brewery.storage import Entry, Storage

_DATE_PREFIX = "ingestion_date="
_RUN_PREFIX = "run_id="


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, committed or not.

    Attributes:
        ingestion_date: Date that it belongs to.
        run_id: Its id.
        path: The folder, as the layout writes it.
        committed: Whether a manifest is there (valid or not).
        files: Files in it.
        modified: When the newest of its files was written, UTC; None where nothing says.
    """

    ingestion_date: dt.date
    run_id: str
    path: str
    committed: bool
    files: int
    modified: dt.datetime | None


def new_run_id(now: dt.datetime) -> str:
    """A unique id whose order is that of time, `20261124T055519Z-1a2b3c4d`.

    Args:
        now: Aware time.
    """
    return f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def list_dates(storage: Storage) -> list[dt.date]:
    """Dates that bronze has a folder for, in order.

    Raises:
        StorageError: Bronze could not be listed.
    """
    dates = []
    for entry in storage.list_folder(storage.layout.bronze):
        if entry.is_folder and entry.name.startswith(_DATE_PREFIX):
            try:
                dates.append(dt.date.fromisoformat(entry.name.removeprefix(_DATE_PREFIX)))
            except ValueError:
                continue
    return dates


def list_run_ids(storage: Storage, ingestion_date: dt.date) -> list[str]:
    """Ids of a date's runs, committed or not, in order.

    Raises:
        StorageError: The date's folder could not be listed.
    """
    return [entry.name.removeprefix(_RUN_PREFIX) for entry in _run_entries(storage, ingestion_date)]


def list_runs(storage: Storage, ingestion_date: dt.date) -> list[RunFolder]:
    """A date's runs with what is in their folders, in order of their ids.

    Raises:
        StorageError: A folder could not be listed.
    """
    return [_run_folder(storage, ingestion_date, entry) for entry in _run_entries(storage, ingestion_date)]


def read_manifest(storage: Storage, ingestion_date: dt.date, run_id: str) -> Manifest | None:
    """A run's manifest, or None where the run is not committed.

    Raises:
        ManifestInvalidError: It is corrupt, not this pipeline's, or another run's.
        StorageError: It could not be read.
    """
    path = storage.layout.manifest(ingestion_date, run_id)
    try:
        content = storage.read(path)
    except StorageMissingError:
        return None
    try:
        manifest = Manifest.from_json(content.decode("utf-8"))
        if (manifest.ingestion_date, manifest.run_id) != (ingestion_date, run_id):
            raise ManifestError(
                f"the manifest is that of run {manifest.run_id} of {manifest.ingestion_date.isoformat()}"
            )
        if manifest.finished_at.tzinfo is None:
            raise ManifestError("the manifest's times have no time zone")
        if any(file.name != page_file(file.page) for file in manifest.files):
            raise ManifestError("the manifest names files that are not pages")
    except (ManifestError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, ManifestError) else "the manifest is not UTF-8 text"
        raise ManifestInvalidError(
            f"{path} cannot be used, {reason}: move that run's folder out of bronze, then ingest "
            f"{ingestion_date.isoformat()} again."
        ) from error
    return manifest


def committed_runs(storage: Storage, ingestion_date: dt.date) -> list[Manifest]:
    """Manifests of a date's committed runs, the one that counts first.

    Raises:
        ManifestInvalidError: One of them is corrupt or foreign; passing it over could bring an older state of
            the data back without anybody noticing.
        StorageError: Bronze could not be read.
    """
    manifests = [read_manifest(storage, ingestion_date, run_id) for run_id in list_run_ids(storage, ingestion_date)]
    return sorted(
        (manifest for manifest in manifests if manifest is not None),
        key=lambda manifest: (manifest.finished_at, manifest.run_id),
        reverse=True,
    )


def newest_run(storage: Storage, ingestion_date: dt.date) -> Manifest:
    """The committed run of a date that counts; raises what `require_runs` does."""
    return require_runs(storage, ingestion_date)[0]


def require_runs(storage: Storage, ingestion_date: dt.date) -> list[Manifest]:
    """As `committed_runs`, of a date that has to have one.

    Raises:
        NoCommittedRunError: The date has none.
        ManifestInvalidError: A manifest of the date is corrupt or foreign.
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
    """Remove what interrupted runs left; committed runs, even with a corrupt manifest, stay.

    Args:
        storage: The lakehouse.
        older_than: Only folders that nothing was written to for so long, so that a run under way is safe.
        now: Aware time.

    Returns:
        The folders that were removed.

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


def _run_entries(storage: Storage, ingestion_date: dt.date) -> list[Entry]:
    return [
        entry
        for entry in storage.list_folder(storage.layout.bronze_date(ingestion_date))
        if entry.is_folder
        and entry.name.startswith(_RUN_PREFIX)
        and _is_run_id(storage, ingestion_date, entry.name.removeprefix(_RUN_PREFIX))
    ]


def _is_run_id(storage: Storage, ingestion_date: dt.date, text: str) -> bool:
    try:
        storage.layout.bronze_run(ingestion_date, text)
    except ValueError:
        return False
    return True


def _run_folder(storage: Storage, ingestion_date: dt.date, folder: Entry) -> RunFolder:
    run_id = folder.name.removeprefix(_RUN_PREFIX)
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
