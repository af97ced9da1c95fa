"""Whatever happened before, silver ends with the run that counts for each date, applied in order.

The job itself runs on a lakehouse of plain lists, so that any sequence of days, decisions, kills and repeats is
cheap.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from brewery.contract.decisions import Decision, DecisionError, standing
from brewery.contract.ledger import LedgerRow
from brewery.contract.limits import Limits
from brewery.contract.manifest import BronzePage, Manifest, SourceProfile
from brewery.contract.quarantine import Choice, decide
from lakehouse import bronze, ledger, quarantine, silver
from lakehouse.deltalog import Commit
from lakehouse.errors import LakehouseError
from lakehouse.jobs import bronze_to_silver
from lakehouse.plan import Held, Mark, resolve
from lakehouse.quality import results
from lakehouse.snapshot import Snapshot
from lakehouse.storage import Lakehouse
from tests.oracle.runs import History

hypothesis = pytest.importorskip("hypothesis", reason="the Spark 3.3 leg has no hypothesis; the main leg runs this")
st = hypothesis.strategies

_DATES = [dt.date(2026, 3, day) for day in range(1, 5)]
_SIZES = (100, 90, 60, 40)
_ENOUGH = 1000


class Killed(BaseException):
    """The process ends before a write."""


class Memory:
    """A lakehouse of plain lists, which can be cut off before any of its writes."""

    def __init__(self) -> None:
        self.runs: dict[dt.date, list[tuple[str, int]]] = {}
        self.decided: list[Decision] = []
        self.versions: list[tuple[tuple[dt.date, str], ...]] = []
        self.commits: list[Commit] = []
        self.ledger: list[LedgerRow] = []
        self.writes_left = _ENOUGH
        self.vacuumed = 0

    def write(self) -> None:
        if not self.writes_left:
            raise Killed
        self.writes_left -= 1

    def commit(self, state: tuple[tuple[dt.date, str], ...], *commit: Any) -> None:
        self.write()
        self.versions.append(state)
        self.commits.append(Commit(len(self.commits), *commit))

    @property
    def held(self) -> dict[dt.date, str]:
        return dict(self.versions[-1]) if self.versions else {}

    def newest_first(self, date: dt.date) -> list[str]:
        return [run for run, _ in reversed(self.runs.get(date, []))]

    def manifest(self, date: dt.date, run_id: str) -> Manifest:
        size = dict(self.runs[date])[run_id]
        now = dt.datetime.now(dt.timezone.utc)
        file = BronzePage("page-00001.jsonl.gz", 1, size, 1, "")
        return Manifest(date, run_id, "", size, size, [file], SourceProfile(), now, now)

    def decide(self, choice: Choice, date: dt.date) -> bool:
        """Decide as a person does; whether that was possible."""
        now = dt.datetime.now(dt.timezone.utc)
        try:
            decision = decide(
                choice, [date], standing(self.decided), self.newest_first, by="a", reason="b", now=now
            )
        except DecisionError:
            return False
        self.decided.append(decision)
        return True

    def process(self, writes: int = _ENOUGH) -> bool:
        """Run the job with so many writes; whether it is green."""
        self.writes_left = writes
        with replaced(self), pytest.MonkeyPatch.context() as patch:
            patch.setattr(bronze_to_silver.log, "disabled", True)
            try:
                bronze_to_silver.run(None, None, Limits())  # type: ignore[arg-type] # neither is used
            except LakehouseError:
                return False
        return True


@contextmanager
def replaced(memory: Memory) -> Iterator[None]:
    """Everything that the job reads and writes is in memory."""

    def take(_: Any, manifest: Manifest, *, from_nothing: bool) -> Snapshot:
        nothing: Any = None
        return Snapshot(nothing, nothing, {}, manifest.records, 0, 0, {}, None, [])

    def apply(manifest: Manifest, base: tuple[tuple[dt.date, str], ...]) -> LedgerRow:
        mark = Mark(manifest.ingestion_date, manifest.run_id, manifest.records, 0, 0)
        state = (*base, (manifest.ingestion_date, manifest.run_id))
        memory.commit(state, "MERGE", None, mark.to_json())
        return count(None, Held(mark, len(memory.commits) - 1))

    def restore(_: Any, version: int) -> bool:
        if version < memory.vacuumed:
            return False
        memory.commit(memory.versions[version], "RESTORE", version)
        return True

    def count(_: Any, held: Held) -> LedgerRow:
        records = held.mark.bronze_records
        counts = (records, records, 0, 0, 0, 0, 0, records)
        now = dt.datetime.now(dt.timezone.utc)
        return LedgerRow(held.mark.ingestion_date, held.mark.run_id, *counts, held.version, now)

    def write_ledger(_: Any, rows: list[LedgerRow]) -> None:
        memory.write()
        memory.ledger = list(rows)

    def record(_: Any, decision: Decision) -> None:
        memory.write()
        memory.decided.append(decision)

    def unused(*_: Any, **__: Any) -> None:
        pass

    functions: dict[Any, dict[str, Any]] = {
        Lakehouse: {"open": lambda *_: memory},
        bronze_to_silver: {"_take": take},
        silver: {
            "held": lambda _: resolve(reversed(memory.commits)),
            "restore": restore,
            "load": lambda _, manifest, __: apply(manifest, ()),
            "merge": lambda _, manifest, __: apply(manifest, memory.versions[-1]),
            "count": count,
            "write_rejected": unused,
            "drop_rejected_after": unused,
        },
        ledger: {"read_ledger": lambda _: list(memory.ledger), "write_ledger": write_ledger},
        bronze: {
            "dates": lambda _: sorted(memory.runs),
            "committed_runs": lambda _, date, __: memory.newest_first(date),
            "read_manifest": lambda _, date, run_id: memory.manifest(date, run_id),
            "verify": unused,
        },
        quarantine: {"read_decisions": lambda _: list(memory.decided), "record": record},
        results: {"keep": unused},
    }
    with pytest.MonkeyPatch.context() as patch:
        for target, replacements in functions.items():
            for name, function in replacements.items():
                patch.setattr(target, name, function)
        yield


def require_consistent(memory: Memory) -> None:
    assert [row.ingestion_date for row in memory.ledger] == sorted(memory.held)
    assert {row.ingestion_date: row.run_id for row in memory.ledger} == memory.held
    assert list(memory.held) == sorted(memory.held)
    for row in memory.ledger:
        state = dict(memory.versions[row.silver_version])
        assert state == {date: run for date, run in memory.held.items() if date <= row.ingestion_date}


_ingestion = st.tuples(st.just("ingest"), st.sampled_from(_DATES), st.sampled_from(_SIZES))
_decision = st.tuples(st.sampled_from(["accepted", "discarded"]), st.sampled_from(_DATES), st.none())
_kill = st.tuples(st.just("kill"), st.none(), st.integers(min_value=0, max_value=9))
_other = st.tuples(st.sampled_from(["process", "vacuum"]), st.none(), st.none())


@hypothesis.settings(max_examples=600, deadline=None)
@hypothesis.given(
    st.lists(st.one_of(_ingestion, _ingestion, _decision, _kill, _other), min_size=1, max_size=25),
)
def test_silver_holds_the_runs_that_count(events: list[tuple[str, Any, Any]]) -> None:
    memory, history = Memory(), History()
    unknown_order = False
    for number, (event, date, value) in enumerate([*events, ("process", None, None)]):
        if event == "ingest":
            run = f"run-{number}"
            memory.runs.setdefault(date, []).append((run, value))
            history.ingest(date, run, value)
        elif event == "vacuum":
            memory.vacuumed = len(memory.versions)
            # A rebuild applies every run again, so that each is newer than a refusal.
            unknown_order = True
        elif event == "process":
            green = memory.process()
            expected = history.process()
            assert memory.held == history.held
            require_consistent(memory)
            assert unknown_order or green == expected
            commits = len(memory.commits)
            assert memory.process() == green
            assert len(memory.commits) == commits
        elif event == "kill":
            try:
                memory.process(writes=value)
            except Killed:
                unknown_order = True
                know_what_was_done(memory, history)
            else:
                history.process()
        elif date in memory.runs and memory.decide(event, date):  # type: ignore[arg-type] # accepted, discarded
            (history.accept if event == "accepted" else history.discard)(date)


def know_what_was_done(memory: Memory, history: History) -> None:
    """After a kill only the lakehouse says how far the job came: what it judged before, it does not judge again."""
    marks = (Mark.from_json(commit.user_metadata) for commit in memory.commits)
    history.admitted |= {mark.run_id for mark in marks if mark}
    for (_, run), decision in standing(memory.decided).items():
        if decision.verdict == "refused":
            history.refused[run] = decision.before
        elif decision.verdict == "passed":
            history.admitted.add(run)
    history.held = dict(memory.held)


@pytest.mark.parametrize("writes", range(12))
def test_a_backfill_that_is_killed_anywhere_goes_on_from_there(writes: int) -> None:
    memory = Memory()
    first, second, third, fourth = _DATES
    for date, size in ((second, 100), (third, 90), (fourth, 80)):
        memory.runs[date] = [(f"run-{date.day}", size)]
    assert memory.process()
    # Against which the gate would refuse the second date, had it not let it pass before.
    memory.runs[first] = [("backfill", 1000)]
    try:
        memory.process(writes)
    except Killed:
        assert writes < 10
    assert memory.process()
    assert memory.held == {first: "backfill", second: "run-2", third: "run-3", fourth: "run-4"}
    require_consistent(memory)
