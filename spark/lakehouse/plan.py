"""Plans how silver comes to hold the run that counts for each date, in order of the dates. Pure."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from brewery.contract.decisions import Standing
from brewery.contract.runs import Candidate, run_that_counts
from lakehouse.deltalog import Commit
from lakehouse.errors import LakehouseError

_MARK: Final = "lakehouse_run"


@dataclass(frozen=True)
class Mark:
    """What the commit that applied a run to silver says about it, in Delta's `userMetadata`.

    Attributes:
        ingestion_date: Date of the run.
        run_id: The run.
        bronze_records: Records in bronze.
        duplicates: Records whose id occurs again later.
        rejected: Records rejected.
        kept: Breweries that stay current although the run has rejected records of them only.
        rules: The rules under which records became rows (`comparison.RULES`).
    """

    ingestion_date: dt.date
    run_id: str
    bronze_records: int
    duplicates: int
    rejected: int
    kept: int = 0
    rules: str = ""

    def to_json(self) -> str:
        """The text for `userMetadata`."""
        return json.dumps({_MARK: {**asdict(self), "ingestion_date": self.ingestion_date.isoformat()}})

    @classmethod
    def from_json(cls, text: str | None) -> "Mark | None":
        """Read `userMetadata`; None if another commit wrote it."""
        try:
            values = json.loads(text or "")[_MARK]
            return cls(**{**values, "ingestion_date": dt.date.fromisoformat(values["ingestion_date"])})
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Held:
    """What silver holds: every date up to that of `mark`, inclusive.

    Attributes:
        mark: Of the newest applied run.
        version: Version of silver that the run left.
    """

    mark: Mark
    version: int


def resolve(newest_first: Iterable[Commit]) -> Held | None:
    """What a table holds, from its commits; a RESTORE leads to the version that it restored.

    Args:
        newest_first: Commits; read only as far as necessary.

    Returns:
        None if no run was applied to the table.
    """
    wanted: int | None = None
    for commit in newest_first:
        if wanted is not None and commit.version > wanted:
            continue
        mark = Mark.from_json(commit.user_metadata)
        if mark:
            return Held(mark, commit.version)
        wanted = commit.restored_version
    return None


@dataclass(frozen=True)
class Applied:
    """What the ledger says about a date: the run, and the version of silver that it left."""

    run_id: str
    silver_version: int


@dataclass(frozen=True)
class Step:
    """What comes next on the way to silver that holds the run that counts for each date.

    Attributes:
        ingestion_date: The first date for which silver does not hold it.
        run_id: The run to apply; None if none counts for the date any more, so that silver is only restored.
        judge: The snapshot gate judges the run first; if it refuses, silver keeps its state.
        restore_to: Version of silver to restore before.
        from_nothing: The run replaces all of silver.
        before: The run that counts for the date before.
    """

    ingestion_date: dt.date
    run_id: str | None
    judge: bool = False
    restore_to: int | None = None
    from_nothing: bool = False
    before: str | None = None


def effective(ledger: Mapping[dt.date, Applied], held: Held | None) -> dict[dt.date, Applied]:
    """The ledger, corrected by silver's history: without dates that a restore removed, with one that it lacks."""
    if held is None:
        return {}
    rows = {date: row for date, row in ledger.items() if date < held.mark.ingestion_date}
    known = ledger.get(held.mark.ingestion_date)
    rows[held.mark.ingestion_date] = (
        known if known and known.run_id == held.mark.run_id else Applied(held.mark.run_id, held.version)
    )
    return rows


def next_step(
    rows: Mapping[dt.date, Applied], bronze: Mapping[dt.date, Sequence[str]], decisions: Standing
) -> Step | None:
    """Compare what silver holds with the runs that count, in order of the dates.

    A step may change what the next one is: the gate may refuse a run, and what counts for a date may depend on the
    run before it. So there is no plan of more than one step.

    Args:
        rows: Date -> what silver holds (`effective`).
        bronze: Date -> its committed runs, newest first. A date that bronze no longer has stays as it is.
        decisions: Those that hold.

    Returns:
        None if silver holds the run that counts for each date.

    Raises:
        LakehouseError: A later date must be applied again, but bronze no longer has it; or no run would be left.
    """
    last: Applied | None = None
    for date in sorted({*rows, *bronze}):
        row = rows.get(date)
        if date in bronze:
            before = last.run_id if last else None
            wanted = run_that_counts(
                date, bronze[date], decisions, applied=row.run_id if row else None, before=before
            )
            if (wanted and wanted.run_id) != (row and row.run_id):
                return _step(date, wanted, last, rows, bronze)
        last = row or last
    return None


def _step(
    date: dt.date,
    wanted: Candidate | None,
    last: Applied | None,
    rows: Mapping[dt.date, Applied],
    bronze: Mapping[dt.date, Sequence[str]],
) -> Step:
    again = [later for later in rows if later >= date]
    require_bronze(again, bronze)
    return Step(
        date,
        wanted.run_id if wanted else None,
        judge=wanted is not None and not wanted.judged,
        restore_to=last.silver_version if again and last else None,
        from_nothing=last is None,
        before=last.run_id if last else None,
    )


def require_bronze(dates: Iterable[dt.date], bronze: Mapping[dt.date, Sequence[str]]) -> None:
    """Check that each date can be applied again.

    Raises:
        LakehouseError: Bronze has no committed run for one of them.
    """
    gone = sorted(date for date in dates if not bronze.get(date))
    if gone:
        raise LakehouseError(
            f"Silver must apply {gone[0].isoformat()} again, but bronze has no committed run for it: restore that "
            "run in bronze, or ingest the date again."
        )
