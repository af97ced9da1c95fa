"""Whatever happened before, the plan leaves silver with the run that counts for each date, in order."""

import datetime as dt

import pytest

from lakehouse.deltalog import Commit
from lakehouse.plan import Applied, Mark, effective, make_plan, resolve

hypothesis = pytest.importorskip("hypothesis", reason="the Spark 3.3 leg has no hypothesis; the main leg runs this")
st = hypothesis.strategies

_DATES = [dt.date(2026, 3, day) for day in range(1, 6)]


class Silver:
    """Silver and its ledger as plain lists, applied to by a plan; can be cut off before any of its commits."""

    def __init__(self) -> None:
        self.versions: list[tuple[tuple[dt.date, str], ...]] = []
        self.commits: list[Commit] = []
        self.ledger: dict[dt.date, Applied] = {}

    def run(self, committed: dict[dt.date, str], commits_allowed: int) -> None:
        allowed = iter(range(commits_allowed))
        held = resolve(reversed(self.commits))
        plan = make_plan(self.ledger, held, committed)
        if plan.repair:
            if next(allowed, None) is None:
                return
            self.ledger = effective(self.ledger, held)
        if plan.restore_to is not None:
            if next(allowed, None) is None:
                return
            self._commit(self.versions[plan.restore_to], Commit(len(self.commits), "RESTORE", plan.restore_to))
        for number, date in enumerate(plan.apply):
            if next(allowed, None) is None:
                return
            base = () if plan.from_nothing and not number else self.versions[-1]
            text = Mark(date, committed[date], 1, 0, 0).to_json()
            self._commit((*base, (date, committed[date])), Commit(len(self.commits), "MERGE", None, text))
            if next(allowed, None) is None:
                return
            self._enter(date, committed[date], len(self.commits) - 1)

    def _commit(self, state: tuple[tuple[dt.date, str], ...], commit: Commit) -> None:
        self.versions.append(state)
        self.commits.append(commit)

    def _enter(self, date: dt.date, run: str, version: int) -> None:
        self.ledger = {d: row for d, row in self.ledger.items() if d < date} | {date: Applied(run, version)}


@hypothesis.settings(max_examples=400, deadline=None)
@hypothesis.given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(_DATES), min_size=1, max_size=3),
            st.integers(min_value=0, max_value=8),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_silver_is_a_function_of_bronze(steps: list[tuple[list[dt.date], int]]) -> None:
    silver = Silver()
    committed: dict[dt.date, str] = {}
    for number, (dates, commits_allowed) in enumerate(steps):
        committed |= {date: f"run-{number}-{date.day}" for date in dates}
        silver.run(committed, commits_allowed)
    silver.run(committed, commits_allowed=100)
    assert silver.versions[-1] == tuple(sorted(committed.items()))
    assert {date: row.run_id for date, row in silver.ledger.items()} == committed
    for date, row in silver.ledger.items():
        assert silver.versions[row.silver_version] == tuple(i for i in sorted(committed.items()) if i[0] <= date)
    before = len(silver.commits)
    silver.run(committed, commits_allowed=100)
    assert len(silver.commits) == before
