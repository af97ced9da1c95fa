"""### Bronze → silver → gold

Starts by itself when `brewapi-ingestion-validation-minio` has left a validated snapshot.

1. `bronze_to_silver` applies every committed snapshot that silver does not hold yet, in date order: typed,
   cleaned, deduplicated, merged; what cannot be used goes to `silver/breweries_rejected` with its reasons.
2. `silver_to_gold` stages the gold tables.
3. `quality_gate` checks silver, the staged gold, the reconciliation and the freshness; only then it publishes gold.

The three are Spark jobs (`lakehouse.jobs`). Running this DAG again is safe: a snapshot is applied once.
A job that refuses (a gate, damaged bronze) fails its task at once, with its own sentence as the error; what may
heal by itself (a lost pod, a store that does not answer) is tried again.
"""

import datetime as dt

from airflow.providers.common.compat.sdk import DAG

from brewery.orchestration.datasets import BRONZE, GOLD
from brewery.orchestration.defaults import task_defaults
from brewery.orchestration.figures import dag_failed, dag_succeeded, send_figures
from brewery.orchestration.settings import OrchestrationSettings
from brewery.orchestration.spark import spark_task

settings = OrchestrationSettings.from_env()

with DAG(
    dag_id="brew-process-transformation",
    description="Bronze to silver to gold with Spark and Delta Lake, behind a quality gate",
    schedule=[BRONZE],
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    # Delta on an object store is safe for one writer only.
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=4),
    default_args=task_defaults(settings),
    on_success_callback=dag_succeeded,
    on_failure_callback=dag_failed,
    tags=["brewery", "silver", "gold", "spark"],
    doc_md=__doc__,
):
    (
        spark_task("bronze_to_silver", settings)
        >> spark_task("silver_to_gold", settings)
        >> spark_task(
            "quality_gate",
            settings,
            outlets=[GOLD],
            on_success_callback=send_figures,
            on_failure_callback=send_figures,
        )
    )
