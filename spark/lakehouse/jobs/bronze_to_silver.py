"""Bronze to silver: whatever bronze has committed and silver does not hold, applied in order of the dates."""

import datetime as dt
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from brewery.contract.fields import SOURCE_FIELDS
from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.manifest import Manifest
from lakehouse import bronze, columns, comparison, ledger, plan, records, silver, snapshot, tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.quality import results
from lakehouse.quality.checks import Limits, snapshot_outcomes
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What every step needs."""

    lakehouse: Lakehouse
    limits: Limits


@dataclass(frozen=True)
class _State:
    """What silver and bronze hold at the start.

    Attributes:
        rows: The ledger.
        held: What silver's history says.
        applied: The ledger, corrected by silver's history.
        committed: Date -> the run that counts, with its manifest unless silver holds it.
    """

    rows: Mapping[dt.date, LedgerRow]
    held: plan.Held | None
    applied: Mapping[dt.date, plan.Applied]
    committed: Mapping[dt.date, Manifest | None]

    @property
    def entered(self) -> dict[dt.date, plan.Applied]:
        """The ledger in the form that a plan needs."""
        return {date: plan.Applied(row.run_id, row.silver_version) for date, row in self.rows.items()}

    @property
    def run_ids(self) -> dict[dt.date, str]:
        """Date -> the run that counts."""
        return {date: m.run_id if m else self.applied[date].run_id for date, m in self.committed.items()}


def run(spark: SparkSession, layout: Layout, limits: Limits | None = None) -> list[LedgerRow]:
    """Bring silver up to date with bronze.

    Silver depends on bronze alone: the run that counts for each date, in order of the dates. A run for an earlier
    date restores the version of silver before that date, and the later dates are applied again. After an
    interruption the next start continues from what silver's history says.

    Args:
        spark: Session.
        layout: Paths.
        limits: What the snapshot gate allows.

    Returns:
        The ledger's row of each applied run; empty if bronze has nothing new.

    Raises:
        LakehouseError: Bronze is damaged, a snapshot fails its gate (silver then keeps its state), or the
            lakehouse cannot be read or written.
    """
    job = _Job(Lakehouse.open(spark, layout), limits or Limits())
    state = _look(job)
    todo = plan.make_plan(state.entered, state.held, state.run_ids)
    if todo.repair:
        state = _repair(job, state)
    if not todo.apply:
        log.info("silver holds every run that bronze has committed")
        return []
    return _carry_out(job, state, todo)


def _repair(job: _Job, state: _State) -> _State:
    """Correct the ledger: after an interruption it lacks a run, after a restore it has runs that silver lacks.

    Rejected records of dates that silver does not hold are deleted as well.
    """
    log.warning("the ledger differs from silver's history and is corrected")
    rows: list[LedgerRow] = []
    if state.held:
        newest = state.held.mark.ingestion_date
        known = state.rows.get(newest)
        if known is None or known.run_id != state.held.mark.run_id:
            known = silver.count(job.lakehouse, state.held)
        rows = ledger.entered(list(state.rows.values()), known)
    silver.drop_rejected_after(job.lakehouse, rows[-1].ingestion_date if rows else dt.date.min)
    ledger.write_ledger(job.lakehouse, rows)
    return replace(state, rows={row.ingestion_date: row for row in rows})


def _look(job: _Job) -> _State:
    held = silver.held(job.lakehouse)
    rows = {row.ingestion_date: row for row in ledger.read_ledger(job.lakehouse)}
    applied = plan.effective(
        {date: plan.Applied(row.run_id, row.silver_version) for date, row in rows.items()}, held
    )
    committed = bronze.committed_runs(job.lakehouse, {date: a.run_id for date, a in applied.items()})
    return _State(rows, held, applied, committed)


def _carry_out(job: _Job, state: _State, todo: plan.Plan) -> list[LedgerRow]:
    manifests = {
        date: state.committed[date] or bronze.read_manifest(job.lakehouse, date, state.applied[date].run_id)
        for date in todo.apply
    }
    if todo.restore_to is not None:
        # Before silver is restored, so that a damaged file of a later date does not leave it there.
        for manifest in list(manifests.values())[1:]:
            bronze.verify(job.lakehouse, manifest)
    before = [date for date in state.applied if date < todo.apply[0]]
    previous = state.rows.get(max(before)) if before else None
    rows = list(state.rows.values())
    done: list[LedgerRow] = []
    for date, manifest in manifests.items():
        taken = _take(job, manifest)
        try:
            # A run that was accepted before has already passed this gate.
            if date not in state.applied or state.applied[date].run_id != manifest.run_id:
                _gate(job, manifest, taken, done[-1] if done else previous)
            if todo.restore_to is not None and not done:
                log.info("silver is restored to version %d, to apply %s", todo.restore_to, date)
                if not silver.restore(job.lakehouse, todo.restore_to):
                    log.warning("silver is rebuilt from bronze, starting with its first date")
                    return _carry_out(job, state, plan.rebuild(state.applied, state.run_ids))
            row = _apply(job, manifest, taken, from_nothing=todo.from_nothing and not done)
            rows = ledger.entered(rows, row)
            ledger.write_ledger(job.lakehouse, rows)
            done.append(row)
        finally:
            taken.release()
    return done


def _take(job: _Job, manifest: Manifest) -> Snapshot:
    """Verify the files of a run and parse what silver was not read from, in parallel."""
    new_fields = set(manifest.profile.fields).difference(SOURCE_FIELDS)
    # Without new fields there is no need to read silver's columns.
    new_columns = columns.assign(new_fields, tables.source_columns(job.lakehouse)) if new_fields else {}
    parsing = records.plan_parsing(manifest.profile, new_columns)
    with ThreadPoolExecutor(1) as pool:
        verifying = pool.submit(bronze.verify, job.lakehouse, manifest)
        try:
            with explained(f"read bronze run {manifest.run_id}"):
                lines = bronze.read_lines(job.lakehouse, manifest)
                before = silver.comparable(job.lakehouse, manifest)
                difference = None if before is None else comparison.compare(lines, before)
                unknown = difference.new if difference else lines
                taken = snapshot.take(records.parse(unknown, parsing), new_columns, difference)
        except LakehouseError:
            # If a file is damaged, that explains the error better.
            verifying.result()
            raise
    try:
        verifying.result()
    except LakehouseError:
        taken.release()
        raise
    return taken


def _gate(job: _Job, manifest: Manifest, taken: Snapshot, previous: LedgerRow | None) -> None:
    outcomes = snapshot_outcomes(manifest, taken, previous, job.limits)
    results.keep(job.lakehouse, "snapshot", (manifest.ingestion_date, manifest.run_id), outcomes)
    why = ", ".join(
        f"{reason} ({number})" for reason, number in sorted(taken.reasons.items(), key=lambda i: -i[1])[:3]
    )
    results.require(
        outcomes,
        f"silver keeps its state{f', most rejected for {why}' if why else ''}; "
        f"check the API's data and ingest {manifest.ingestion_date.isoformat()} again",
    )


def _apply(job: _Job, manifest: Manifest, taken: Snapshot, *, from_nothing: bool) -> LedgerRow:
    """Commit the rejected records, then silver; the commit of silver is the one that counts, see `plan.resolve`."""
    silver.write_rejected(job.lakehouse, manifest, taken)
    row = (silver.load if from_nothing else silver.merge)(job.lakehouse, manifest, taken)
    log.info(
        "%s: %d records, %d added, %d changed, %d removed, %d rejected, %d duplicates, %d current",
        row.ingestion_date,
        row.bronze_records,
        row.added,
        row.changed,
        row.removed,
        row.rejected,
        row.duplicates,
        row.total,
    )
    return row
