"""### Open Brewery DB → bronze

Every day: take a complete snapshot of the API into bronze, check it, and hand it on through a Dataset.

1. `ingest_to_bronze` streams the API's pages into `bronze/breweries/ingestion_date=…/run_id=…/`, as received. The
   run's manifest, written last, commits it; until then the date keeps what it had.
2. `validate_bronze` reads the committed run back: every file there, its size and SHA-256, every line, and the count
   against what the API said. Its success updates the Dataset that starts `brew-process-transformation`. What runs
   without a manifest left more than a week ago is then removed.

Fetching and writing are one task because they are one stream: between two pods the whole snapshot would have to be
kept somewhere.
"""

import datetime as dt

from airflow.providers.common.compat.sdk import DAG, task

from brewery.orchestration.datasets import BRONZE
from brewery.orchestration.defaults import task_defaults
from brewery.orchestration.figures import dag_failed, dag_succeeded
from brewery.orchestration.settings import OrchestrationSettings

settings = OrchestrationSettings.from_env()

with DAG(
    dag_id="brewapi-ingestion-validation-minio",
    description="A daily snapshot of Open Brewery DB into the bronze layer, validated",
    schedule="@daily",
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    # The API only knows the present: a missed day cannot be fetched later.
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=3),
    default_args=task_defaults(settings),
    on_success_callback=dag_succeeded,
    on_failure_callback=dag_failed,
    tags=["brewery", "bronze"],
    doc_md=__doc__,
):

    @task(do_xcom_push=False)
    def ingest_to_bronze(ds: str | None = None) -> None:
        """Stream the API into a new bronze run of the logical date."""
        from brewery.orchestration.tasks import ingest_date

        ingest_date(dt.date.fromisoformat(str(ds)))

    @task(do_xcom_push=False, outlets=[BRONZE])
    def validate_bronze(ds: str | None = None) -> None:
        """Read the date's committed run back and check it against its manifest."""
        from brewery.orchestration.tasks import validate_date

        validate_date(dt.date.fromisoformat(str(ds)))

    ingest_to_bronze() >> validate_bronze()
