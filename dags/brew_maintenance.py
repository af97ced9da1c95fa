"""### Upkeep of the lakehouse and of Airflow's database

Every night: `maintenance` deletes old quality results, compacts small files, deletes data files that no version
within the retention needs, and writes checkpoints, after which Delta deletes old log files. `clean_bronze` removes
superseded and interrupted runs, `clean_airflow_database` old runs and task instances. The params are the limits.

There is one writer: the Spark job gives way to a job of `brew-process-transformation` that runs and is tried again
later, and ends where one starts, which takes the claim.
"""

import datetime as dt
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from brewery.orchestration.defaults import task_defaults
from brewery.orchestration.figures import dag_failed, dag_succeeded, send_upkeep
from brewery.orchestration.settings import OrchestrationSettings
from brewery.orchestration.spark import spark_task

settings = OrchestrationSettings.from_env()

with DAG(
    dag_id="brew-maintenance",
    description="OPTIMIZE, VACUUM and retention of the lakehouse, and of Airflow's database",
    schedule="0 3 * * *",
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=4),
    default_args=task_defaults(settings),
    on_success_callback=dag_succeeded,
    on_failure_callback=dag_failed,
    params={
        "retention_hours": Param(168, type="integer", minimum=168, description="Hours of versions to keep."),
        "keep_results_days": Param(90, type="integer", minimum=1, description="Days of quality results to keep."),
        "keep_superseded_days": Param(90, type="integer", minimum=1, description="Days to keep superseded runs."),
        "keep_airflow_days": Param(90, type="integer", minimum=1, description="Days of Airflow's records to keep."),
    },
    tags=["brewery", "operations"],
    doc_md=__doc__,
):

    @task(do_xcom_push=False)
    def clean_bronze(params: Any = None) -> None:
        """Remove superseded and interrupted runs."""
        from brewery.orchestration import tasks

        tasks.clean_bronze(dt.timedelta(days=params["keep_superseded_days"]))

    @task(do_xcom_push=False)
    def clean_airflow_database(params: Any = None) -> None:
        """Delete old runs and task instances."""
        from brewery.orchestration import tasks

        tasks.clean_airflow_database(dt.timedelta(days=params["keep_airflow_days"]))

    spark_task(
        "maintenance",
        settings,
        options=("retention_hours", "keep_results_days"),
        gives_way=True,
        # A transformation may take as long.
        retries=12,
        on_success_callback=send_upkeep,
    )
    clean_bronze()
    clean_airflow_database()
