"""Which runs are applied, and from where: pure, so every case is cheap."""

import datetime as dt
import json

import pytest

from lakehouse.deltalog import Commit, parse
from lakehouse.errors import LakehouseError
from lakehouse.plan import Applied, Held, Mark, Plan, make_plan, rebuild, resolve

D1, D2, D3 = (dt.date(2026, 3, day) for day in (1, 2, 3))


def mark(date: dt.date, run: str) -> Mark:
    return Mark(date, run, bronze_records=3, duplicates=1, rejected=0)


def held(date: dt.date, run: str, version: int) -> Held:
    return Held(mark(date, run), version)


LEDGER = {D1: Applied("a", 0), D2: Applied("b", 1), D3: Applied("c", 2)}
COMMITTED = {D1: "a", D2: "b", D3: "c"}
HELD = held(D3, "c", 2)


def test_nothing_new_is_nothing_to_do() -> None:
    assert make_plan(LEDGER, HELD, COMMITTED) == Plan()


def test_the_first_runs_replace_an_empty_silver_in_order_of_their_dates() -> None:
    assert make_plan({}, None, {D2: "b", D1: "a"}) == Plan(from_nothing=True, apply=(D1, D2))


def test_a_new_date_is_applied_on_top() -> None:
    assert make_plan({D1: Applied("a", 0)}, held(D1, "a", 0), {D1: "a", D2: "b"}) == Plan(apply=(D2,))


def test_a_date_again_takes_silver_back_before_it_and_applies_the_later_ones_again() -> None:
    assert make_plan(LEDGER, HELD, {**COMMITTED, D2: "new"}) == Plan(restore_to=0, apply=(D2, D3))


def test_the_first_date_again_starts_from_nothing() -> None:
    assert make_plan(LEDGER, HELD, {**COMMITTED, D1: "new"}) == Plan(from_nothing=True, apply=(D1, D2, D3))


def test_a_date_in_between_that_comes_late() -> None:
    ledger = {D1: Applied("a", 0), D3: Applied("c", 4)}
    assert make_plan(ledger, held(D3, "c", 4), COMMITTED) == Plan(restore_to=0, apply=(D2, D3))


def test_a_merge_that_the_ledger_lacks_is_entered() -> None:
    ledger = {D1: Applied("a", 0)}
    assert make_plan(ledger, held(D2, "b", 1), {D1: "a", D2: "b"}) == Plan(repair=True)


def test_what_a_restore_took_back_is_applied_again_whatever_the_ledger_says() -> None:
    assert make_plan(LEDGER, held(D1, "a", 0), COMMITTED) == Plan(repair=True, apply=(D2, D3))


def test_a_ledger_without_silver_counts_for_nothing() -> None:
    assert make_plan(LEDGER, None, COMMITTED) == Plan(repair=True, from_nothing=True, apply=(D1, D2, D3))


def test_a_date_that_bronze_no_longer_has_stays_as_it_is() -> None:
    assert make_plan(LEDGER, HELD, {D2: "b", D3: "c"}) == Plan()


def test_a_date_that_would_have_to_be_applied_again_must_be_in_bronze() -> None:
    with pytest.raises(LakehouseError, match="2026-03-03"):
        make_plan(LEDGER, HELD, {D1: "a", D2: "new"})


def test_rebuilding_needs_all_of_bronze() -> None:
    assert rebuild(LEDGER, {**COMMITTED, D2: "new"}) == Plan(from_nothing=True, apply=(D1, D2, D3))
    with pytest.raises(LakehouseError, match="2026-03-01"):
        rebuild(LEDGER, {D2: "b", D3: "c"})


def test_the_newest_marked_commit_says_what_silver_holds() -> None:
    commits = [Commit(3, "OPTIMIZE"), Commit(2, "MERGE", None, mark(D2, "b").to_json()), Commit(1, "WRITE")]
    assert resolve(commits) == held(D2, "b", 2)
    assert resolve([Commit(0, "CREATE TABLE")]) is None
    assert resolve([]) is None


def test_a_restore_leads_back_to_what_it_restored() -> None:
    commits = [
        Commit(4, "RESTORE", restored_version=1),
        Commit(3, "RESTORE", restored_version=2),
        Commit(2, "MERGE", None, mark(D2, "b").to_json()),
        Commit(1, "OPTIMIZE"),
        Commit(0, "WRITE", None, mark(D1, "a").to_json()),
    ]
    assert resolve(commits) == held(D1, "a", 0)
    assert resolve(commits[1:]) == held(D2, "b", 2)


@pytest.mark.parametrize("text", [None, "", "someone's note", "[]", '{"lakehouse_run": {"run_id": "a"}}'])
def test_other_metadata_is_no_mark(text: str | None) -> None:
    assert Mark.from_json(text) is None


def test_a_commit_says_how_many_rows_it_wrote() -> None:
    merged = {"numTargetRowsInserted": "2", "numTargetRowsUpdated": "3", "numOutputRows": "9"}
    for operation, rows in (("MERGE", 5), ("CREATE OR REPLACE TABLE AS SELECT", 9)):
        information = {"operation": operation, "operationMetrics": merged}
        assert parse(4, json.dumps({"commitInfo": information})) == Commit(4, operation, rows=rows)
    assert parse(4, json.dumps({"commitInfo": {"operation": "WRITE"}})) == Commit(4, "WRITE")
