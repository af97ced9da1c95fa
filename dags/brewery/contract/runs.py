"""Which runs bronze has for a date, whether their manifests are valid, and which run counts. Pure, for any storage.

Of a date's committed runs that were neither refused nor discarded, the one that ended last counts (by
`finished_at`, then by run id). A run without a manifest is not committed, and does not exist for any reader.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brewery.contract.decisions import Decision, Standing
from brewery.contract.layout import DATE_PREFIX, RUN_PREFIX, is_run_id, page_file
from brewery.contract.manifest import Manifest, ManifestError


def date_of_folder(name: str) -> dt.date | None:
    """The ingestion date of a folder `ingestion_date=YYYY-MM-DD`; None for any other name.

    >>> date_of_folder("ingestion_date=2026-03-01"), date_of_folder("_delta_log")
    (datetime.date(2026, 3, 1), None)
    """
    try:
        return dt.date.fromisoformat(name.removeprefix(DATE_PREFIX)) if name.startswith(DATE_PREFIX) else None
    except ValueError:
        return None


def run_ids(folders: Iterable[str]) -> list[str]:
    """The run ids of the folders `run_id=<id>`, sorted; other folders are ignored.

    >>> run_ids(["run_id=b", "run_id=a", "run_id=", "tmp"])
    ['a', 'b']
    """
    ids = (name.removeprefix(RUN_PREFIX) for name in folders if name.startswith(RUN_PREFIX))
    return sorted(run_id for run_id in ids if is_run_id(run_id))


@dataclass(frozen=True)
class Candidate:
    """The run that counts for a date, unless the snapshot gate still has to judge it and refuses it."""

    run_id: str
    judged: bool


def run_that_counts(
    date: dt.date,
    runs: Sequence[str],
    decisions: Standing,
    *,
    applied: str | None = None,
    before: str | None = None,
) -> Candidate | None:
    """The newest run of a date that nobody discarded and that the snapshot gate did not refuse.

    A refusal compares a run with the one before it. Where that is another one by now, the gate judges again. A run
    that silver holds was judged, whatever came before it then.

    Args:
        date: The date.
        runs: Its committed runs, newest first.
        decisions: Those that hold.
        applied: The run that silver holds for the date.
        before: The run that counts for the date before, with which the gate compares.
    """
    for run_id in runs:
        decision = decisions.get((date, run_id))
        if decision and decision.verdict == "discarded":
            continue
        if run_id == applied or (decision and decision.verdict in ("passed", "accepted")):
            return Candidate(run_id, judged=True)
        if decision is None or decision.before != before:
            return Candidate(run_id, judged=False)
    return None


def quarantined(date: dt.date, runs: Sequence[str], decisions: Standing) -> Decision | None:
    """The refusal of a date's newest run; None if it was not refused, or somebody decided on it.

    Args:
        date: The date.
        runs: Its committed runs, newest first; those that were discarded are passed over.
        decisions: Those that hold.
    """
    of_runs = (decisions.get((date, run_id)) for run_id in runs)
    newest = next((one for one in of_runs if one is None or one.verdict != "discarded"), None)
    return newest if newest and newest.verdict == "refused" else None


def newest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """The manifests of a date's committed runs, that of the run that counts first."""
    return sorted(manifests, key=lambda manifest: (manifest.finished_at, manifest.run_id), reverse=True)


def parse_manifest(content: str | bytes, path: str, ingestion_date: dt.date, run_id: str) -> Manifest:
    """Read the manifest of a run.

    Args:
        content: Of the file.
        path: Of the file, for the error.
        ingestion_date: Date that its folder names.
        run_id: Run that its folder names.

    Raises:
        ManifestError: It is corrupt, not this pipeline's, or another run's. Ignoring it could silently bring back
            an older state of the data.
    """
    try:
        manifest = Manifest.from_json(content if isinstance(content, str) else content.decode())
        _require_own(manifest, ingestion_date, run_id)
    except (ManifestError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, ManifestError) else "the manifest is not UTF-8 text"
        raise ManifestError(
            f"{path} cannot be used ({reason}): move that run's folder out of bronze, then ingest "
            f"{ingestion_date.isoformat()} again."
        ) from error
    return manifest


def _require_own(manifest: Manifest, ingestion_date: dt.date, run_id: str) -> None:
    if (manifest.ingestion_date, manifest.run_id) != (ingestion_date, run_id):
        raise ManifestError(
            f"the manifest is that of run {manifest.run_id} of {manifest.ingestion_date.isoformat()}"
        )
    if manifest.finished_at.tzinfo is None:
        raise ManifestError("the manifest's times have no time zone")
    end: tuple[str, int] | None = None
    for page in manifest.files:
        if (page.name, page.offset) not in (end, (page_file(page.page), 0)):
            raise ManifestError("the manifest names files whose pages do not follow one another")
        end = (page.name, page.offset + page.bytes)
