"""The operator that runs one Spark job, here or on Kubernetes; the job's code is the same."""

import datetime as dt
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from brewery.contract.layout import Layout
from brewery.orchestration.failures import for_airflow
from brewery.orchestration.settings import OrchestrationSettings
from brewery.settings import Settings

APPLICATION = "spark-application.yaml"
"""The SparkApplication, in `OrchestrationSettings.spark_template_dir`."""


def spark_task(
    job: str,
    settings: OrchestrationSettings,
    *,
    options: Sequence[str] = (),
    gives_way: bool = False,
    **arguments: Any,
) -> BaseOperator:
    """One task for one job of `lakehouse.jobs`.

    Args:
        job: Module name within `lakehouse.jobs`; also the task's id.
        settings: Whether Spark runs in this process or on Kubernetes.
        options: Params of the DAG that the job takes, under the same name.
        gives_way: The job does not take the place of another one that runs, but fails and keeps its retries.
        **arguments: Of any Airflow operator, such as `outlets` or `on_success_callback`.
    """
    if settings.spark_mode == "kubernetes":
        return _on_kubernetes(job, settings, {"options": options, "gives_way": gives_way, **arguments})
    from airflow.providers.common.compat.standard.operators import PythonOperator

    return PythonOperator(
        task_id=job,
        python_callable=run_locally,
        op_kwargs={"job": job, "options": options},
        do_xcom_push=False,
        **arguments,
    )


def run_locally(job: str, options: Sequence[str] = (), params: Mapping[str, Any] | None = None) -> None:
    """Run a job in this process, in the Spark session that the process shares; raises what `for_airflow` does.

    Args:
        job: As for `spark_task`.
        options: As for `spark_task`.
        params: Of the DAG's run.
    """
    given = {option: (params or {})[option] for option in options}
    from lakehouse.java import java_explained
    from lakehouse.session import get_session

    module = importlib.import_module(f"lakehouse.jobs.{job}")
    with for_airflow(), java_explained():
        module.run(get_session(), Layout(Settings.from_env().lakehouse_uri), **given)


def _on_kubernetes(job: str, settings: OrchestrationSettings, arguments: Mapping[str, Any]) -> BaseOperator:
    from brewery.orchestration.spark_operator import SparkJobOperator

    return SparkJobOperator(
        task_id=job,
        name=job.replace("_", "-"),
        namespace=settings.spark_namespace,
        job=job,
        application_file=str(Path(settings.spark_template_dir, APPLICATION)),
        in_cluster=True,
        get_logs=True,
        # Facts go through the lakehouse: the operator's XCom sidecar is unreliable.
        do_xcom_push=False,
        # A pod that never starts (image, mount, quota) fails the task instead of holding it.
        startup_timeout_seconds=600,
        execution_timeout=dt.timedelta(hours=1),
        startup_check_interval_seconds=1,
        delete_on_termination=True,
        **arguments,
    )
