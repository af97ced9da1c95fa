"""A DAG that leaves rows of every kind in Airflow's database."""

import datetime as dt

from airflow.providers.common.compat.sdk import DAG, Asset, task

with DAG("upgrade-probe", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):

    @task(outlets=[Asset("s3://upgrade/probe")])
    def answer() -> int:
        return 42

    answer()
