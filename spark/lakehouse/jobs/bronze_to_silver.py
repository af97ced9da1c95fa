"""Bronze to silver: whatever bronze has committed and silver does not hold, applied in order of the dates."""

import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark.sql import SparkSession

from brewery.contract import decisions
from brewery.contract.decisions import Decision, Run
from brewery.contract.fields import SOURCE_FIELDS
from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.limits import Limits
from brewery.contract.manifest import Manifest
from brewery.contract.quarantine import waiting
from brewery.contract.runs import run_that_counts
from lakehouse import bronze, columns, comparison, ledger, plan, quarantine, records, silver, snapshot, tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.quality import results
from lakehouse.quality.checks import snapshot_outcomes
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Lakehouse

log = logging.getLogger(__name__)


@dataclass
class _Job:
    """The lakehouse, and what it holds so far.

    Attributes:
        lakehouse: The lakehouse.
        limits: What the snapshot gate allows.
        rows: The ledger, as silver's history confirms it.
        decided: Every decision on a run.
        runs: Date -> its committed runs in bronze, newest first.
    """

    lakehouse: Lakehouse
    limits: Limits
    rows: dict[dt.date, LedgerRow]
    decided: list[Decision]
    runs: dict[dt.date, list[str]]

    @property
    def applied(self) -> dict[dt.date, plan.Applied]:
        return {date: plan.Applied(row.run_id, row.silver_version) for date, row in self.rows.items()}

    @property
    def standing(self) -> dict[Run, Decision]:
        return decisions.standing(self.decided)

    def decide(self, decision: Decision) -> None:
        quarantine.record(self.lakehouse, decision)
        self.decided.append(decision)


def run(spark: SparkSession, layout: Layout, limits: Limits | None = None) -> list[LedgerRow]:
    """Bring silver up to date with bronze.

    Silver depends on bronze and the decisions on its runs alone: the run that counts for each date, in order of
    the dates. A run for an earlier date restores the version of silver before that date, and the later dates are
    applied again. A run that the snapshot gate refuses is in quarantine, and later dates proceed without it. After
    an interruption the next start continues from what silver's history says.

    Args:
        spark: Session.
        layout: Paths.
        limits: What the snapshot gate allows; by default what the environment says.

    Returns:
        The ledger's row of each applied run; empty if bronze has nothing new.

    Raises:
        LakehouseError: Bronze is damaged, the newest thing that happened is that a snapshot was refused (also by an
            earlier start), or the lakehouse cannot be read or written.
    """
    job = _open(Lakehouse.open(spark, layout), limits or Limits.from_env())
    began_with = bool(job.rows)
    done: list[LedgerRow] = []
    while step := plan.next_step(job.applied, job.runs, job.standing):
        row = _take_step(job, step)
        if row:
            done.append(row)
    if began_with and not job.rows:
        raise LakehouseError(
            "Every run in bronze was discarded or refused, which would leave silver empty: silver keeps its state; "
            "ingest a date, or accept a run."
        )
    if not done:
        log.info("silver holds every run that bronze has committed")
    _require_no_refusal(job)
    return done


def _open(lakehouse: Lakehouse, limits: Limits) -> _Job:
    held = silver.held(lakehouse)
    rows = {row.ingestion_date: row for row in ledger.read_ledger(lakehouse)}
    entered = {date: plan.Applied(row.run_id, row.silver_version) for date, row in rows.items()}
    if plan.effective(entered, held) != entered:
        rows = _repair(lakehouse, rows, held)
    decided = quarantine.read_decisions(lakehouse)
    known = {date: {row.run_id} for date, row in rows.items()}
    for date, run_id in decisions.standing(decided):
        known.setdefault(date, set()).add(run_id)
    runs = {
        date: bronze.committed_runs(lakehouse, date, known.get(date, set())) for date in bronze.dates(lakehouse)
    }
    return _Job(lakehouse, limits, rows, decided, {date: ids for date, ids in runs.items() if ids})


def _repair(
    lakehouse: Lakehouse, rows: dict[dt.date, LedgerRow], held: plan.Held | None
) -> dict[dt.date, LedgerRow]:
    """Correct the ledger: after an interruption it lacks a run, after a restore it has runs that silver lacks."""
    log.warning("the ledger differs from silver's history and is corrected")
    corrected: list[LedgerRow] = []
    if held:
        known = rows.get(held.mark.ingestion_date)
        if known is None or known.run_id != held.mark.run_id:
            known = silver.count(lakehouse, held)
        corrected = ledger.entered(list(rows.values()), known)
    return _cut_back(lakehouse, corrected)


def _cut_back(lakehouse: Lakehouse, rows: list[LedgerRow]) -> dict[dt.date, LedgerRow]:
    """Make these rows the ledger, and delete the rejected records of later dates."""
    silver.drop_rejected_after(lakehouse, rows[-1].ingestion_date if rows else dt.date.min)
    ledger.write_ledger(lakehouse, rows)
    return {row.ingestion_date: row for row in rows}


def _take_step(job: _Job, step: plan.Step) -> LedgerRow | None:
    """The ledger's row of the run that was applied; None if none was, so that the next step is another one."""
    if step.run_id is None:
        if _give_up(job, step) and step.restore_to is not None:
            job.rows = _cut_back(job.lakehouse, list(job.rows.values()))
        return None
    manifest = bronze.read_manifest(job.lakehouse, step.ingestion_date, step.run_id)
    taken = _take(job, manifest, from_nothing=step.from_nothing)
    try:
        if step.judge and not _gate(job, step, manifest, taken):
            return None
        if not _give_up(job, step):
            return None
        row = _apply(job, manifest, taken, from_nothing=step.from_nothing)
    finally:
        taken.release()
    rows = ledger.entered(list(job.rows.values()), row)
    ledger.write_ledger(job.lakehouse, rows)
    job.rows = {row.ingestion_date: row for row in rows}
    return row


def _give_up(job: _Job, step: plan.Step) -> bool:
    """Restore silver to the version before a date, if it holds the date or later ones.

    Returns:
        False if that version no longer exists, so that silver is rebuilt.
    """
    later = [row for date, row in job.rows.items() if date >= step.ingestion_date]
    if not later:
        return True
    _keep_passed(job, later)
    if step.restore_to is not None:
        _verify(job, [row for row in later if row.ingestion_date > step.ingestion_date])
        log.info("silver is restored to version %d, for %s", step.restore_to, step.ingestion_date)
        if not silver.restore(job.lakehouse, step.restore_to):
            log.warning("silver is rebuilt from bronze, starting with its first date")
            plan.require_bronze(job.rows, job.runs)
            _keep_passed(job, list(job.rows.values()))
            job.rows = {}
            return False
    job.rows = {date: row for date, row in job.rows.items() if date < step.ingestion_date}
    return True


def _keep_passed(job: _Job, rows: list[LedgerRow]) -> None:
    """Record that the gate let these runs pass, which after an interruption nothing else would say."""
    holding = job.standing
    runs = [(row.ingestion_date, row.run_id) for row in rows]
    unknown = tuple(run for run in runs if run not in holding or holding[run].verdict == "refused")
    if unknown:
        job.decide(_by_gate("passed", unknown, "silver held these runs before an earlier date was applied"))


def _verify(job: _Job, rows: list[LedgerRow]) -> None:
    """Check the files of dates that will be applied again, so that damage does not leave silver restored."""
    holding = job.standing
    for row in rows:
        date = row.ingestion_date
        wanted = run_that_counts(date, job.runs[date], holding, applied=row.run_id)
        if wanted:
            bronze.verify(job.lakehouse, bronze.read_manifest(job.lakehouse, date, wanted.run_id))


def _take(job: _Job, manifest: Manifest, *, from_nothing: bool) -> Snapshot:
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
                before = None if from_nothing else silver.comparable(job.lakehouse, manifest)
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


def _gate(job: _Job, step: plan.Step, manifest: Manifest, taken: Snapshot) -> bool:
    """Whether the snapshot gate lets a run pass; its refusal is a decision."""
    run = (manifest.ingestion_date, manifest.run_id)
    before = [row for date, row in job.rows.items() if date < step.ingestion_date]
    outcomes = snapshot_outcomes(manifest, taken, before[-1] if before else None, job.limits)
    results.keep(job.lakehouse, "snapshot", run, outcomes)
    failure = results.failure(outcomes)
    if failure:
        most = sorted(taken.reasons.items(), key=lambda reason: -reason[1])[:3]
        why = ", ".join(f"{reason} ({number})" for reason, number in most)
        reason = f"{failure}{f'; most rejected for {why}' if why else ''}"
        log.warning("%s is in quarantine: %s", step.ingestion_date, reason)
        job.decide(_by_gate("refused", (run,), reason, before=step.before))
    elif run in job.standing:
        job.decide(_by_gate("passed", (run,), "judged again, because another run came before it"))
    return not failure


def _by_gate(verdict: decisions.Verdict, runs: tuple[Run, ...], reason: str, before: str | None = None) -> Decision:
    now = dt.datetime.now(dt.timezone.utc)
    return Decision(verdict, runs, now, decisions.SNAPSHOT_GATE, reason, before)


def _require_no_refusal(job: _Job) -> None:
    """Fail where nothing was applied since the last refusal: a refused day is red, and the next one is green."""
    refusals = waiting(job.standing, lambda date: job.runs.get(date, []))
    newest = max(refusals, key=lambda refusal: refusal.at, default=None)
    if newest and all(row.applied_at < newest.at for row in job.rows.values()):
        ((date, run_id),) = newest.runs
        raise LakehouseError(
            f"The quality gate failed ({newest.reason}): run {run_id} is in quarantine and silver keeps its state; "
            f"check the API's data, then ingest {date.isoformat()} again, or accept or discard the run with the "
            "command quarantine."
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
