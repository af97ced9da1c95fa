"""The environment in which the worker runs Airflow: everything below one folder, nothing of the user's."""

import os
from collections.abc import Mapping
from pathlib import Path

from brewery.contract.limits import VARIABLES, Limits
from harness.paths import ROOT
from harness.pipeline.lakehouse.loopback import without_proxy_on_loopback


def airflow_environment(home: Path) -> dict[str, str]:
    """Airflow's configuration; `home` holds the SQLite metadata database and the task logs."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Only a DAG that is not paused gets its Dataset events.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        # A single process on one machine needs neither usage reports nor network look-ups.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def worker_environment(
    *,
    home: Path,
    lakehouse: Path | str,
    api: str,
    spark: Mapping[str, str],
    java_options: str,
    limits: Limits,
    records: int,
    base: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The whole environment of the worker process; Airflow's own variables in `base` are dropped.

    Args:
        home: See `airflow_environment`.
        lakehouse: Its address.
        api: URL of the API.
        spark: Variables of Java and Spark.
        java_options: See `class_archive`.
        limits: What the gates tolerate.
        records: Records that the day has, roughly.
        base: The environment of this process.
    """
    clean = {key: value for key, value in base.items() if not key.startswith("AIRFLOW")}
    return {
        # Somebody waits for this run.
        "BREWERY_RETRY_DELAY": "5",
        **clean,
        **without_proxy_on_loopback(base),
        **spark,
        **airflow_environment(home),
        **{VARIABLES[name]: str(value) for name, value in vars(limits).items()},
        "LAKEHOUSE_URI": str(lakehouse),
        "BREWERY_API_URL": api,
        "BREWERY_API_OPTION": "--api",
        "BREWERY_SPARK_MODE": "local",
        "SPARK_EXPECTED_RECORDS": str(records),
        "SPARK_JAVA_OPTIONS": java_options,
        # The credentials are in the AWS_ variables, not in a connection of Airflow's.
        "BREWERY_LAKEHOUSE_CONNECTION": "",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "dags"), str(ROOT / "spark"))),
    }
