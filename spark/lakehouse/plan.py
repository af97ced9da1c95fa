"""Plans how silver comes to hold the run that counts for each date, in order of the dates. Pure."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

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
class Plan:
    """Steps, in this order.

    Attributes:
        repair: The ledger contradicts silver's history: make it `effective`.
        restore_to: Version of silver to restore before anything is applied.
        from_nothing: The first run replaces all of silver.
        apply: Dates to apply, in order.
    """

    repair: bool = False
    restore_to: int | None = None
    from_nothing: bool = False
    apply: tuple[dt.date, ...] = ()


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


def make_plan(ledger: Mapping[dt.date, Applied], held: Held | None, committed: Mapping[dt.date, str]) -> Plan:
    """Compare what silver holds with what bronze has committed.

    Args:
        ledger: Date -> what `silver/runs` says.
        held: What silver's history says.
        committed: Date -> the run that counts.

    Raises:
        LakehouseError: A date must be applied again, but bronze no longer has it.
    """
    rows = effective(ledger, held)
    repair = rows != dict(ledger)
    wrong = [date for date, run in committed.items() if date not in rows or rows[date].run_id != run]
    if not wrong:
        return Plan(repair=repair)
    first = min(wrong)
    before = [date for date in rows if date < first]
    again = [date for date in rows if date >= first]
    require_bronze(again, committed)
    return Plan(
        repair=repair,
        restore_to=rows[max(before)].silver_version if again and before else None,
        from_nothing=not before,
        apply=tuple(sorted(date for date in committed if date >= first)),
    )


def rebuild(rows: Mapping[dt.date, Applied], committed: Mapping[dt.date, str]) -> Plan:
    """The plan if the version to restore no longer exists: apply everything again, from bronze.

    Raises:
        LakehouseError: Bronze no longer has every date that silver holds.
    """
    require_bronze(rows, committed)
    return Plan(from_nothing=True, apply=tuple(sorted(committed)))


def require_bronze(dates: Sequence[dt.date] | Mapping[dt.date, Applied], committed: Mapping[dt.date, str]) -> None:
    """Check that each date can be applied again.

    Raises:
        LakehouseError: Bronze has no committed run for one of them.
    """
    gone = sorted(date for date in dates if date not in committed)
    if gone:
        raise LakehouseError(
            f"Silver must apply {gone[0].isoformat()} again, but bronze has no committed run for it: restore that "
            "run in bronze, or ingest the date again."
        )
