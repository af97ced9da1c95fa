"""Which runs are applied, and from where: pure, so every case is cheap."""

import datetime as dt
import json

import pytest

from brewery.contract.decisions import Decision, Standing
from lakehouse.deltalog import Commit, parse
from lakehouse.errors import LakehouseError
from lakehouse.plan import Applied, Held, Mark, Step, effective, next_step, resolve

D1, D2, D3, D4 = (dt.date(2026, 3, day) for day in (1, 2, 3, 4))


def mark(date: dt.date, run: str) -> Mark:
    return Mark(date, run, bronze_records=3, duplicates=1, rejected=0)


def held(date: dt.date, run: str, version: int) -> Held:
    return Held(mark(date, run), version)


def decided(date: dt.date, run: str, verdict: str, before: str | None = None) -> Standing:
    moment = dt.datetime(2026, 3, 5, tzinfo=dt.timezone.utc)
    return {(date, run): Decision(verdict, [(date, run)], moment, "a", "b", before)}  # type: ignore[arg-type]


ROWS = {D1: Applied("a", 0), D2: Applied("b", 1), D3: Applied("c", 2)}
BRONZE = {D1: ["a"], D2: ["b"], D3: ["c"]}


def test_nothing_new_is_nothing_to_do() -> None:
    assert next_step({}, {}, {}) is None
    assert next_step(ROWS, BRONZE, {}) is None


def test_the_first_run_is_judged_and_replaces_an_empty_silver() -> None:
    assert next_step({}, {D2: ["b"], D1: ["a"]}, {}) == Step(D1, "a", judge=True, from_nothing=True)


def test_a_new_date_is_judged_against_the_one_before() -> None:
    assert next_step(ROWS, {**BRONZE, D4: ["d"]}, {}) == Step(D4, "d", judge=True, before="c")


def test_a_date_again_takes_silver_back_before_it() -> None:
    step = next_step(ROWS, {**BRONZE, D2: ["new", "b"]}, {})
    assert step == Step(D2, "new", judge=True, restore_to=0, before="a")


def test_the_first_date_again_starts_from_nothing() -> None:
    assert next_step(ROWS, {**BRONZE, D1: ["new", "a"]}, {}) == Step(D1, "new", judge=True, from_nothing=True)


def test_a_date_in_between_that_comes_late() -> None:
    rows = {D1: Applied("a", 0), D3: Applied("c", 4)}
    assert next_step(rows, BRONZE, {}) == Step(D2, "b", judge=True, restore_to=0, before="a")


def test_a_run_that_passed_before_is_not_judged_again() -> None:
    rows = {D1: Applied("a", 0)}
    assert next_step(rows, BRONZE, decided(D2, "b", "passed")) == Step(D2, "b", before="a")


def test_a_refused_run_is_passed_over_by_later_dates() -> None:
    rows = {D1: Applied("a", 0)}
    refused = decided(D2, "b", "refused", before="a")
    assert next_step(rows, BRONZE, refused) == Step(D3, "c", judge=True, before="a")
    assert next_step(rows, {D1: ["a"], D2: ["b"]}, refused) is None


def test_a_refusal_does_not_displace_the_run_that_silver_holds() -> None:
    assert next_step(ROWS, {**BRONZE, D2: ["new", "b"]}, decided(D2, "new", "refused", before="a")) is None


def test_a_run_is_judged_again_where_another_one_comes_before_it_now() -> None:
    rows = {D1: Applied("new", 4)}
    refused = decided(D2, "b", "refused", before="a")
    assert next_step(rows, {D1: ["new", "a"], D2: ["b"]}, refused) == Step(D2, "b", judge=True, before="new")


def test_an_accepted_run_of_an_earlier_date_is_applied_as_a_backfill() -> None:
    rows = {D1: Applied("a", 0), D3: Applied("c", 4)}
    assert next_step(rows, BRONZE, decided(D2, "b", "accepted")) == Step(D2, "b", restore_to=0, before="a")


def test_a_discarded_run_leaves_silver() -> None:
    assert next_step(ROWS, BRONZE, decided(D2, "b", "discarded")) == Step(D2, None, restore_to=0, before="a")
    assert next_step(ROWS, BRONZE, decided(D1, "a", "discarded")) == Step(D1, None, from_nothing=True)


def test_an_older_run_of_the_date_counts_again_after_a_discarded_one() -> None:
    step = next_step(ROWS, {**BRONZE, D2: ["b", "old"]}, decided(D2, "b", "discarded"))
    assert step == Step(D2, "old", judge=True, restore_to=0, before="a")


def test_a_date_that_bronze_no_longer_has_stays_as_it_is() -> None:
    assert next_step(ROWS, {D2: ["b"], D3: ["c"]}, {}) is None


def test_a_date_that_would_have_to_be_applied_again_must_be_in_bronze() -> None:
    with pytest.raises(LakehouseError, match="2026-03-03"):
        next_step(ROWS, {D1: ["a"], D2: ["new", "b"]}, {})


def test_a_merge_that_the_ledger_lacks_is_entered() -> None:
    assert effective({D1: Applied("a", 0)}, held(D2, "b", 1)) == {D1: Applied("a", 0), D2: Applied("b", 1)}


def test_a_restore_removes_dates_whatever_the_ledger_says() -> None:
    assert effective(ROWS, held(D1, "a", 0)) == {D1: Applied("a", 0)}


def test_a_ledger_without_silver_counts_for_nothing() -> None:
    assert effective(ROWS, None) == {}


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
