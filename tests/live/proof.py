"""Runs days of the mock API through the platform; Airflow's records tell which ones it has processed.

So a second run of the suite on the same cluster does not repeat them.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from harness.errors import HarnessError
from harness.files import write
from harness.paths import RUN_DIR
from tests.live.airflow import AwayError, Run, Task, succeeded
from tests.live.platform import Platform, Watched
from tests.live.pods import Seen
from tests.live.wait import HopelessError, until
from tests.oracle.lakehouse import Day, Expected, Record

T = TypeVar("T")

INGESTION: Final = "brewapi-ingestion-validation-minio"
TRANSFORMATION: Final = "brew-process-transformation"
BUCKET: Final = "lakehouse"
BRONZE: Final = "bronze/breweries"

REFUSED: Final = "client-error:path=any"
"""The API refuses every request, which no retry helps, so that the DAG fails at once."""
ALERT: Final = "DagFailed"

_ALERT_SECONDS: Final = 300
"""From a failed run to the alert: Airflow's report, a scrape and an evaluation."""
_INGESTION_SECONDS: Final = 300
_TRANSFORMATION_SECONDS: Final = 900


@dataclass(frozen=True)
class Shown:
    """What the mock API shows: a day of its data, with faults in its own notation."""

    day: int
    faults: tuple[str, ...] = ()


FIRST: Final = Shown(0, ("dirty:share=0.01",))
SECOND: Final = Shown(
    1,
    (
        "dirty:share=0.02",
        "duplicates:count=5",
        "missing-field:field=city,share=0.01",
        "new-field:field=rating,type=number,share=0.3",
    ),
)
"""The next day: its own changes, more to reject, duplicates, missing cities, and a new field."""


@dataclass(frozen=True)
class Taken:
    """One snapshot that went all the way to gold: its run of the first DAG, and that of the second."""

    shown: Shown
    ingestion: Run
    transformation: Run


@dataclass
class Proof:
    """Days of a platform, and the pods, SparkApplications and tasks that any start of the suite has seen."""

    platform: Platform
    seen: dict[str, Seen] = field(default_factory=dict)
    applications: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    instances: dict[str, list[Task]] = field(default_factory=dict)
    _records: dict[Shown, Sequence[Record]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self._file.is_file():
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self.seen = {name: Seen(**pod) for name, pod in kept["pods"].items()}
            self.applications = kept["applications"]
            self.instances = {
                run: [Task(**task) for task in tasks] for run, tasks in kept.get("instances", {}).items()
            }

    @property
    def _file(self) -> Path:
        return RUN_DIR / "e2e" / f"seen-{self.platform.uid}.json"

    def taken(self) -> list[Taken]:
        """Every snapshot that reached gold, in that order."""
        airflow = self.platform.airflow
        runs = [run for run in airflow.runs(INGESTION) if run.state == "success" and run.ended is not None]
        transformations = {run.run_id: run for run in airflow.runs(TRANSFORMATION)}
        days = []
        for run in sorted(runs, key=lambda run: run.ended or dt.datetime.max.replace(tzinfo=dt.UTC)):
            started = [transformations[name] for name in airflow.started_by(run) if name in transformations]
            if started and started[-1].state == "success":
                days.append(Taken(_shown(run.conf), run, started[-1]))
        return days

    def first_two(self) -> tuple[Taken, Taken]:
        """The first two days, run now unless they exist."""
        # Before the second day, so that it is also the run after which all is well again.
        first = self._latest(FIRST)
        if first is None:
            first = self._run_scheduled(FIRST, meanwhile=lambda: self.refuse(SECOND))
        else:
            second = self._latest(SECOND)
            if second is not None:
                return first, second
            self.refuse(SECOND)
        return first, self.take(SECOND)

    def first(self) -> Taken:
        """The first day, run now unless it exists."""
        return self._latest(FIRST) or self._run_scheduled(FIRST)

    def refuse(self, shown: Shown) -> Run:
        """Lets a run of the first DAG fail, and waits for its alert, which the scenario about alerts judges."""
        run = self.start(Shown(shown.day, (*shown.faults, REFUSED)))
        airflow, prometheus = self.platform.airflow, self.platform.prometheus

        def failed() -> Run | None:
            now = airflow.run(run.dag_id, run.run_id)
            return now if now.state == "failed" else None

        def state() -> str:
            return ", ".join(f"{task.task_id} {task.state}" for task in airflow.tasks(run))

        done = until(failed, what=f"{run.run_id} of {run.dag_id} fails", seconds=300, state=state)
        with contextlib.suppress(HarnessError):
            until(
                lambda: any(alert["alertname"] == ALERT for alert in prometheus.firing()) or None,
                what=f"{ALERT} fires",
                seconds=_ALERT_SECONDS,
            )
        return done

    def _latest(self, shown: Shown) -> Taken | None:
        return next((taken for taken in reversed(self.taken()) if taken.shown == shown), None)

    def take(
        self,
        shown: Shown,
        *,
        date: dt.date | None = None,
        attempts: int = 1,
        meanwhile: Callable[[], object] | None = None,
    ) -> Taken:
        """Runs a day through both DAGs, started as with the web interface's button, by default for today."""
        with self._watching():
            run = self.start(shown, date=date)
            return self.finish(shown, run, attempts=attempts, meanwhile=meanwhile)

    def start(self, shown: Shown, *, date: dt.date | None = None) -> Run:
        """Shows a day and triggers the first DAG, whose run may begin later."""
        self._ready()
        airflow = self.platform.airflow
        airflow.unpause(TRANSFORMATION)
        airflow.unpause(INGESTION)
        self.platform.api.show(shown.day, shown.faults)
        return airflow.trigger(INGESTION, {"day": shown.day, "faults": list(shown.faults)}, date)

    def finish(
        self, shown: Shown, run: Run, *, attempts: int = 1, meanwhile: Callable[[], object] | None = None
    ) -> Taken:
        """Waits for a run of the first DAG, and for the run of the second that it starts.

        While the second one runs, `meanwhile` is called once.
        """
        done = self._ended(run, attempts, _INGESTION_SECONDS * attempts)
        started = until(
            _asking(lambda: next(iter(self.platform.airflow.started_by(done)), None), attempts),
            what=f"the Dataset event of {done.run_id} starts {TRANSFORMATION}",
            seconds=300,
        )
        next_run = self.platform.airflow.run(TRANSFORMATION, started)
        if meanwhile is not None:
            meanwhile()
        taken = Taken(shown, done, self._ended(next_run, attempts, _TRANSFORMATION_SECONDS * attempts))
        for ended in (taken.ingestion, taken.transformation):
            self.instances[ended.run_id] = self.platform.airflow.tasks(ended)
        return taken

    def _ended(self, run: Run, attempts: int, seconds: float) -> Run:
        def probe() -> Run | None:
            self.platform.unless_held()
            return succeeded(self.platform.airflow, run, attempts=attempts)

        def state() -> str:
            return ", ".join(f"{task.task_id} {task.state}" for task in self.platform.airflow.tasks(run))

        what = f"{run.run_id} of {run.dag_id} ends"
        return until(_asking(probe, attempts), what=what, seconds=seconds, state=state)

    def _run_scheduled(self, shown: Shown, meanwhile: Callable[[], object] | None = None) -> Taken:
        """The scheduled run, which begins when the DAG is unpaused; another run where that has failed."""
        airflow = self.platform.airflow

        def scheduled() -> Run | None:
            return next((run for run in airflow.runs(INGESTION) if run.kind == "scheduled"), None)

        begun = scheduled()
        if begun is not None and begun.state == "failed":
            return self.take(shown, date=begun.date, meanwhile=meanwhile)
        self._ready()
        if begun is None:
            self.platform.api.show(shown.day, shown.faults)
        with self._watching():
            airflow.unpause(TRANSFORMATION)
            airflow.unpause(INGESTION)
            run = until(scheduled, what=f"the scheduler starts {INGESTION} by its schedule", seconds=300)
            return self.finish(shown, run, meanwhile=meanwhile)

    def _ready(self) -> None:
        def probe() -> bool | None:
            errors = self.platform.airflow.import_errors()
            if errors:
                raise HopelessError(f"Airflow cannot load a DAG: {errors[0].strip().splitlines()[-1]}.")
            return {INGESTION, TRANSFORMATION} <= self.platform.airflow.dags().keys() or None

        until(probe, what="Airflow has loaded both DAGs", seconds=300)

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        with self.platform.watching() as watched:
            try:
                yield
            finally:
                self.keep(watched)

    def tasks(self, run: Run) -> list[Task]:
        """The tasks of a run as they were when it ended; some are cleared later."""
        return self.instances.get(run.run_id) or self.platform.airflow.tasks(run)

    def manifest(self, date: dt.date) -> tuple[str, dict[str, Any]]:
        """Folder and manifest of the bronze run that counts for a date: the one that ended last."""
        prefix = f"{BRONZE}/ingestion_date={date.isoformat()}/"
        names = [key for key in self.platform.keys(BUCKET, prefix) if key.endswith("/_manifest.json")]
        manifests = [(name.rpartition("/")[0], json.loads(self.platform.read(BUCKET, name))) for name in names]
        return max(manifests, key=lambda item: (item[1]["finished_at"], item[1]["run_id"]))

    def records(self, shown: Shown) -> Sequence[Record]:
        """What the API sends when it shows this."""
        if shown not in self._records:
            self.platform.api.show(shown.day, shown.faults)
            self._records[shown] = self.platform.api.records()
        return self._records[shown]

    def days(self, taken: Sequence[Taken]) -> list[Day]:
        """Snapshots with the records that the API sent, for `Expected`."""
        newest = {item.ingestion.date: item for item in taken}
        return [
            Day(date, self.records(item.shown), str(self.manifest(date)[1]["run_id"]))
            for date, item in newest.items()
        ]

    def expected(self) -> Expected:
        """What the lakehouse must hold now."""
        return Expected(self.days(self.taken()))

    def keep(self, watched: Watched) -> None:
        """Remembers what was seen, in a file too: pods are deleted when their task has ended."""
        self.seen |= {seen.name: seen for seen in watched.pods.values()}
        self.applications |= {
            name: {"spec": item["spec"], "status": item.get("status"), "labels": item["metadata"].get("labels")}
            for name, item in watched.applications.items()
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "pods": {name: asdict(pod) for name, pod in self.seen.items()},
            "applications": self.applications,
            "instances": {run: [asdict(task) for task in tasks] for run, tasks in self.instances.items()},
        }
        write(self._file, json.dumps(kept))


def _asking(probe: Callable[[], T | None], attempts: int) -> Callable[[], T | None]:
    """A probe of Airflow; where something is broken on purpose, Airflow may be away for a while."""

    def patient() -> T | None:
        try:
            return probe()
        except AwayError:
            if attempts == 1:
                raise
            return None

    return patient


def _shown(conf: Mapping[str, Any]) -> Shown:
    """What a run was triggered for; the scheduled one, which has no configuration, is the first day."""
    return Shown(int(conf["day"]), tuple(conf["faults"])) if conf else FIRST
