import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.live import proof as module
from tests.live.airflow import Run, Task
from tests.live.platform import Platform, Watched
from tests.live.pods import Seen
from tests.live.proof import FIRST, INGESTION, SECOND, TRANSFORMATION, Proof, Shown

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def run(
    run_id: str, date: dt.date, ended: int, *, state: str = "success", conf: Mapping[str, Any] | None = None
) -> Run:
    moment = dt.datetime(2026, 3, 4, ended, tzinfo=dt.UTC)
    return Run(INGESTION, run_id, state, "manual", date, conf or {}, moment)


def conf(shown: Shown) -> dict[str, Any]:
    return {"day": shown.day, "faults": list(shown.faults)}


class FakeAirflow:
    """Runs of the first DAG, and the state of what each started."""

    def __init__(self, runs: list[Run], started: Mapping[str, str]) -> None:
        self._runs, self._started = runs, started

    def runs(self, dag_id: str) -> list[Run]:
        if dag_id == INGESTION:
            return self._runs
        return [
            Run(TRANSFORMATION, f"after-{name}", state, "dataset_triggered", MONDAY, {}, None)
            for name, state in self._started.items()
        ]

    def started_by(self, run: Run) -> list[str]:
        return [f"after-{run.run_id}"] if run.run_id in self._started else []


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUN_DIR", tmp_path)


def proof(runs: list[Run], started: Mapping[str, str]) -> Proof:
    return Proof(cast(Platform, SimpleNamespace(uid="cluster", airflow=FakeAirflow(runs, started))))


def test_only_what_reached_gold_was_taken_and_in_the_order_in_which_it_did() -> None:
    runs = [
        run("refused", TUESDAY, 2, state="failed", conf=conf(SECOND)),
        run("again", MONDAY, 9, conf=conf(Shown(5, ("dirty",)))),
        run("scheduled", MONDAY, 1),
        run("second", TUESDAY, 3, conf=conf(SECOND)),
        run("stopped by a gate", TUESDAY, 4, conf=conf(Shown(2))),
        run("not handed on", TUESDAY, 5, conf=conf(Shown(3))),
    ]
    taken = proof(
        runs,
        {"scheduled": "success", "second": "success", "again": "success", "stopped by a gate": "failed"},
    ).taken()
    assert [(item.ingestion.run_id, item.shown) for item in taken] == [
        ("scheduled", FIRST),
        ("second", SECOND),
        ("again", Shown(5, ("dirty",))),
    ]
    assert [item.transformation.run_id for item in taken] == ["after-scheduled", "after-second", "after-again"]


def test_days_that_are_there_are_not_run_again() -> None:
    runs = [run("scheduled", MONDAY, 1), run("second", TUESDAY, 3, conf=conf(SECOND))]
    first, second = proof(runs, {"scheduled": "success", "second": "success"}).first_two()
    assert (first.ingestion.run_id, second.ingestion.run_id) == ("scheduled", "second")


def test_of_a_date_the_last_snapshot_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        run("scheduled", MONDAY, 1),
        run("second", TUESDAY, 2, conf=conf(SECOND)),
        run("third", TUESDAY, 3, conf=conf(Shown(2))),
    ]
    subject = proof(runs, dict.fromkeys(("scheduled", "second", "third"), "success"))
    monkeypatch.setattr(subject, "records", lambda shown: [{"id": str(shown.day)}])
    monkeypatch.setattr(subject, "manifest", lambda date: ("folder", {"run_id": f"run of {date.isoformat()}"}))
    assert [(day.date, day.records, day.run_id) for day in subject.days(subject.taken())] == [
        (MONDAY, [{"id": "0"}], "run of 2026-03-02"),
        (TUESDAY, [{"id": "2"}], "run of 2026-03-03"),
    ]


def test_what_was_seen_is_known_to_the_next_start() -> None:
    seen = Seen("processing", "driver", {"spark-role": "driver"}, "spark", "Running")
    application = {"metadata": {"name": "app", "labels": {"a": "b"}}, "spec": {"arguments": ["x"]}}
    ended = run("scheduled", MONDAY, 1)
    task = Task("ingest_to_bronze", "success", 1, "pod")
    subject = proof([], {})
    subject.instances[ended.run_id] = [task]
    subject.keep(Watched(pods={("processing", "driver"): seen}, applications={"app": application}))
    again = proof([], {})
    assert again.tasks(ended) == [task]
    assert again.seen == {"driver": seen}
    assert again.applications["app"]["spec"] == {"arguments": ["x"]}
