import datetime as dt
from collections.abc import Sequence

import pytest

from tests.live.airflow import Airflow, Run, Task, hopeless, succeeded
from tests.live.wait import HopelessError

RUN = Run("dag", "r1", "running", "manual", dt.date(2026, 3, 2), {}, None)


class Fake(Airflow):
    """An Airflow that answers as told."""

    def __init__(self, state: str, tasks: Sequence[Task], log: str = "") -> None:
        self.state, self.instances, self.text = state, list(tasks), log
        self.asked: list[int | None] = []

    def run(self, dag_id: str, run_id: str) -> Run:
        return Run(dag_id, run_id, self.state, "manual", RUN.date, {}, None)

    def tasks(self, run: Run) -> list[Task]:
        return self.instances

    def log(self, run: Run, task: Task, attempt: int | None = None) -> str:
        self.asked.append(attempt)
        return self.text


def task(state: str | None, attempt: int = 1) -> Task:
    return Task("ingest", state, attempt, "pod")


FIRST = [(state, 1, 1) for state in (None, "queued", "running", "success", "scheduled")]


@pytest.mark.parametrize(
    ("state", "attempt", "attempts"), [*FIRST, ("up_for_retry", 1, 2), ("running", 2, 2), ("success", 2, 2)]
)
def test_an_attempt_that_is_allowed_is_not_hopeless(state: str | None, attempt: int, attempts: int) -> None:
    assert hopeless([task(state, attempt)], attempts) is None


@pytest.mark.parametrize(
    ("state", "attempt", "attempts"),
    [("failed", 1, 1), ("failed", 1, 3), ("up_for_retry", 1, 1), ("queued", 2, 1), ("up_for_retry", 3, 3)],
)
def test_a_failure_or_one_attempt_too_many_is(state: str, attempt: int, attempts: int) -> None:
    assert hopeless([task("success"), task(state, attempt)], attempts) is not None


def test_a_run_is_waited_for_until_it_succeeds() -> None:
    assert succeeded(Fake("running", [task("running")]), RUN) is None
    done = succeeded(Fake("success", [task("success")]), RUN)
    assert done is not None
    assert done.state == "success"


def test_a_failure_is_told_with_the_words_of_the_log() -> None:
    log = "INFO - start\nairflow.exceptions.AirflowException: The API answered 503: try later.\nINFO - end"
    airflow = Fake("running", [task("up_for_retry")], log)
    with pytest.raises(HopelessError, match=r"^Task ingest of r1 in dag failed: .*answered 503: try later\.$"):
        succeeded(airflow, RUN)
    assert airflow.asked == [1]


def test_a_run_that_failed_without_a_failed_task_is_told() -> None:
    with pytest.raises(HopelessError, match="without a failed task"):
        succeeded(Fake("failed", [task("success")]), RUN)
