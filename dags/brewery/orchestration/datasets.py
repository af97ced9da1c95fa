"""The Airflow Datasets (Assets from Airflow 3 on) that connect the DAGs."""

from airflow.providers.common.compat.sdk import Asset

BRONZE = Asset("s3://lakehouse/bronze/breweries")
"""A validated bronze run. The URI is a name: it stays the same wherever the lakehouse lies."""

GOLD = Asset("s3://lakehouse/gold")
"""The gold tables, published after the quality gate."""
