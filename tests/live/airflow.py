"""Airflow's REST API, used as a person who has logged in.

The platform's Airflow answers its API to whoever has a session of the web interface, so this logs in there.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import requests

from harness.errors import HarnessError
from harness.machine.process import telling_line
from tests.live.wait import HopelessError

_TIMEOUT: Final = 120
"""Seconds to connect, and to answer."""
_TOKEN: Final = re.compile(r'name="csrf_token"[^>]*\bvalue="([^"]+)"')


@dataclass(frozen=True)
class Run:
    """A run of a DAG, with its logical date in UTC; `state` and `kind` are Airflow's words."""

    dag_id: str
    run_id: str
    state: str
    kind: str
    date: dt.date
    conf: Mapping[str, Any]
    ended: dt.datetime | None


@dataclass(frozen=True)
class Task:
    """An instance of a task in its pod: without a state before it is scheduled, at attempt 0 before the first."""

    task_id: str
    state: str | None
    attempt: int
    host: str


class AwayError(HarnessError):
    """Airflow does not answer, or only with an error of its own."""


class Airflow:
    """The Airflow at a base URL, without a final slash."""

    def __init__(self, url: str, password: str, user: str = "admin") -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._session: requests.Session | None = None

    def health(self) -> Mapping[str, str]:
        """Status of its parts by name (`metadatabase`, `scheduler`, `triggerer`)."""
        answer = requests.get(f"{self.url}/health", timeout=_TIMEOUT)
        answer.raise_for_status()
        return {name: str(part.get("status")) for name, part in answer.json().items()}

    def dags(self) -> Mapping[str, bool]:
        """Every DAG by its id, and whether it is paused."""
        return {dag["dag_id"]: bool(dag["is_paused"]) for dag in self._ask("GET", "/dags")["dags"]}

    def tags(self, dag_id: str) -> set[str]:
        """The tags of a DAG, as the scheduler has last read its file."""
        return {tag["name"] for tag in self._ask("GET", f"/dags/{dag_id}")["tags"]}

    def import_errors(self) -> Sequence[str]:
        return [str(error["stack_trace"]) for error in self._ask("GET", "/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        self._set_paused(dag_id, False)

    def pause(self, dag_id: str) -> None:
        """Starts no further run by schedule or Dataset; those that were started go on."""
        self._set_paused(dag_id, True)

    def _set_paused(self, dag_id: str, paused: bool) -> None:
        self._ask("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": paused})

    def trigger(self, dag_id: str, conf: Mapping[str, Any], date: dt.date | None = None) -> Run:
        """Starts a run now, as with the web interface's button, by default for today."""
        body: dict[str, Any] = {"conf": dict(conf)}
        if date is not None:
            # No two runs of a DAG have the same logical date.
            moment = dt.datetime.now(dt.UTC).timetz()
            body["logical_date"] = dt.datetime.combine(date, moment).isoformat()
        return _run(self._ask("POST", f"/dags/{dag_id}/dagRuns", body))

    def clear(self, run: Run, task_id: str) -> None:
        """Lets a task of a run that has ended run again."""
        what = {"dag_run_id": run.run_id, "task_ids": [task_id], "only_failed": False, "reset_dag_runs": True}
        self._ask("POST", f"/dags/{run.dag_id}/clearTaskInstances", {"dry_run": False, **what})

    def runs(self, dag_id: str) -> list[Run]:
        query = "order_by=execution_date&limit=100"
        return [_run(run) for run in self._ask("GET", f"/dags/{dag_id}/dagRuns?{query}")["dag_runs"]]

    def run(self, dag_id: str, run_id: str) -> Run:
        return _run(self._ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def tasks(self, run: Run) -> list[Task]:
        instances = self._ask("GET", f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
        return [
            Task(task["task_id"], task["state"], int(task["try_number"] or 0), str(task["hostname"] or ""))
            for task in instances
        ]

    def started_by(self, run: Run) -> list[str]:
        """Ids of the runs that a run's Dataset events have started."""
        query = f"source_dag_id={run.dag_id}&source_run_id={quote(run.run_id, safe='')}"
        events = self._ask("GET", f"/datasets/events?{query}")["dataset_events"]
        return [started["dag_run_id"] for event in events for started in event["created_dagruns"]]

    def log(self, run: Run, task: Task, attempt: int | None = None) -> str:
        """The log of an attempt of a task, as the web interface shows it."""
        number = attempt or max(task.attempt, 1)
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/logs/{number}"
        return str(self._ask("GET", f"{path}?full_content=true", accept="text/plain"))

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accept: str = "application/json"
    ) -> Any:
        try:
            session = self._session or self._login()
            answer = session.request(
                method, f"{self.url}/api/v1{path}", json=body, headers={"Accept": accept}, timeout=_TIMEOUT
            )
        except requests.RequestException as error:
            raise AwayError(
                f"Airflow's webserver does not answer {method} {path} ({type(error).__name__}): is it running?"
            ) from error
        if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise HarnessError(
                f"Airflow does not let {self._credentials['username']} in with the password of the Secret "
                "orchestrator/airflow-secrets: sync the Application orchestrator, whose Job sets it."
            )
        if answer.status_code >= requests.codes.bad_request:
            kind = AwayError if answer.status_code >= requests.codes.server_error else HarnessError
            raise kind(
                f"Airflow answered {method} {path} with {answer.status_code} ({answer.text[:200].strip()}): "
                "see the webserver's log."
            )
        return answer.json() if accept == "application/json" else answer.text

    def _login(self) -> requests.Session:
        session = requests.Session()
        page = session.get(f"{self.url}/login/", timeout=_TIMEOUT)
        token = _TOKEN.search(page.text)
        form = {**self._credentials, **({"csrf_token": token[1]} if token else {})}
        session.post(f"{self.url}/login/", data=form, timeout=_TIMEOUT).raise_for_status()
        self._session = session
        return session


def _run(answer: Mapping[str, Any]) -> Run:
    ended = answer.get("end_date")
    return Run(
        dag_id=answer["dag_id"],
        run_id=answer["dag_run_id"],
        state=answer["state"],
        kind=answer["run_type"],
        date=dt.datetime.fromisoformat(answer["logical_date"]).astimezone(dt.UTC).date(),
        conf=answer.get("conf") or {},
        ended=dt.datetime.fromisoformat(ended) if ended else None,
    )


def succeeded(airflow: Airflow, run: Run, *, attempts: int = 1) -> Run | None:
    """For `wait.until`: the run once it has succeeded, None before.

    Where nothing was broken on purpose, a second attempt of a task is a defect.
    """
    now = airflow.run(run.dag_id, run.run_id)
    if now.state == "success":
        return now
    tasks = airflow.tasks(run)
    broken = hopeless(tasks, attempts)
    if broken is not None:
        said = telling_line(airflow.log(run, broken, broken.attempt if broken.state == "failed" else attempts))
        raise HopelessError(f"Task {broken.task_id} of {run.run_id} in {run.dag_id} failed: {said}.")
    if now.state == "failed":
        raise HopelessError(f"Run {run.run_id} of {run.dag_id} failed without a failed task: see the scheduler.")
    return None


def hopeless(tasks: Sequence[Task], attempts: int) -> Task | None:
    """The task that spoils a run, or None."""
    for task in tasks:
        if task.state == "failed" or (task.state == "up_for_retry" and task.attempt >= attempts):
            return task
        if task.state is not None and task.attempt > attempts:
            return task
    return None
