"""The DAGs load, in both deployments, and are what the architecture says; a third is for operations."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

INGESTION = "brewapi-ingestion-validation-minio"
TRANSFORMATION = "brew-process-transformation"
MAINTENANCE = "brew-maintenance"
SPARK_JOBS = ["bronze_to_silver", "silver_to_gold", "quality_gate"]


def load(repo: Path) -> dict[str, Any]:
    from airflow.models import DagBag

    bag = DagBag(dag_folder=repo / "dags", include_examples=False, read_dags_from_db=False)
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture(params=["local", "kubernetes"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dags(repo: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("BREWERY_SPARK_MODE", mode)
    return load(repo)


def test_the_two_dags_of_the_architecture_and_the_one_of_operations(dags: dict[str, Any]) -> None:
    assert sorted(dags) == [MAINTENANCE, TRANSFORMATION, INGESTION]


def test_the_maintenance_has_limits_and_is_in_nobodys_way(dags: dict[str, Any], mode: str) -> None:
    dag = dags[MAINTENANCE]
    assert sorted(dag.task_ids) == ["clean_airflow_database", "clean_bronze", "maintenance"]
    assert dag.max_active_runs == 1
    assert dag.params.dump() == {
        "retention_hours": 168,
        "keep_results_days": 90,
        "keep_superseded_days": 90,
        "keep_airflow_days": 90,
    }
    assert all(not each.outlets for each in dag.tasks)
    if mode == "kubernetes":
        assert dag.get_task("maintenance").gives_way
        assert not any(dags[TRANSFORMATION].get_task(job).gives_way for job in SPARK_JOBS)


def test_ingestion_runs_daily_and_never_twice_at_once(dags: dict[str, Any]) -> None:
    dag = dags[INGESTION]
    assert dag.schedule_interval == "@daily"
    assert dag.max_active_runs == 1
    assert dag.catchup is False


def test_ingestion_fetches_before_it_validates(dags: dict[str, Any]) -> None:
    dag = dags[INGESTION]
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "ingest_to_bronze": ["validate_bronze"],
        "validate_bronze": [],
    }


def test_transformation_is_a_chain_of_three_spark_jobs(dags: dict[str, Any]) -> None:
    dag = dags[TRANSFORMATION]
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "bronze_to_silver": ["silver_to_gold"],
        "silver_to_gold": ["quality_gate"],
        "quality_gate": [],
    }
    assert dag.max_active_runs == 1


def test_only_the_validation_hands_over_and_only_to_the_transformation(dags: dict[str, Any]) -> None:
    outlets = {task.task_id: [o.uri for o in task.outlets] for task in dags[INGESTION].tasks}
    assert outlets["ingest_to_bronze"] == []
    (dataset,) = outlets["validate_bronze"]
    triggers = [uri for uri, _ in dags[TRANSFORMATION].timetable.dataset_condition.iter_datasets()]
    assert triggers == [dataset]


def test_everything_has_an_end(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.dagrun_timeout is not None, dag.dag_id
        for task in dag.tasks:
            assert task.execution_timeout is not None, task.task_id


def test_retries_start_within_a_minute_and_back_off(dags: dict[str, Any]) -> None:
    """The predecessor's `timedelta(1)` was a day."""
    for dag in dags.values():
        for task in dag.tasks:
            assert task.retries == (12 if task.task_id == "maintenance" else 3)
            assert dt.timedelta(0) < task.retry_delay <= dt.timedelta(minutes=1)
            assert task.retry_exponential_backoff
            assert task.max_retry_delay <= dt.timedelta(minutes=10)


def test_every_dag_says_how_its_runs_end(dags: dict[str, Any]) -> None:
    callbacks = {(d.on_success_callback.__name__, d.on_failure_callback.__name__) for d in dags.values()}
    assert callbacks == {("dag_succeeded", "dag_failed")}


def test_no_facts_travel_by_xcom(dags: dict[str, Any]) -> None:
    assert all(not task.do_xcom_push for dag in dags.values() for task in dag.tasks)


@pytest.mark.parametrize("mode", ["kubernetes"], indirect=True)
def test_on_kubernetes_spark_runs_through_the_operator(dags: dict[str, Any]) -> None:
    for task in dags[TRANSFORMATION].tasks:
        assert task.task_type == "SparkJobOperator"
        assert task.namespace == "processing"
        assert task.job == task.task_id
        assert task.startup_timeout_seconds <= 600


@pytest.mark.parametrize("mode", ["kubernetes"], indirect=True)
def test_the_dag_needs_no_file_of_the_tasks_own_pod(dags: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """As `airflow tasks clear` and every other command reads it, wherever it runs."""
    dags[TRANSFORMATION].resolve_template_files()
    assert not caplog.records


@pytest.mark.parametrize("mode", ["local"], indirect=True)
def test_on_one_machine_spark_runs_in_the_task(dags: dict[str, Any]) -> None:
    assert [task.op_kwargs["job"] for task in dags[TRANSFORMATION].topological_sort()] == SPARK_JOBS


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BREWERY_SPARK_MODE", "yarn"), ("BREWERY_TASK_RETRIES", "many"), ("BREWERY_RETRY_DELAY", "soon")],
)
def test_a_wrong_setting_is_named(repo: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    from airflow.models import DagBag

    monkeypatch.setenv(variable, value)
    bag = DagBag(dag_folder=repo / "dags", include_examples=False, read_dags_from_db=False)
    assert bag.import_errors
    assert all(variable in error and value in error for error in bag.import_errors.values())
