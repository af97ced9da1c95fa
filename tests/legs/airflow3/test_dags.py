"""Airflow 3 loads both DAGs and runs them: an API's records become the gold tables."""

import datetime as dt
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from harness.pipeline.mock_api.server import MockApi
from tests.live import frames
from tests.oracle.gold import GOLD
from tests.oracle.lakehouse import Day, Expected

DATE = dt.date(2025, 1, 1)
INGESTION = "brewapi-ingestion-validation-minio"
TRANSFORMATION = "brew-process-transformation"
RECORDS: list[dict[str, Any]] = [
    {
        **dict.fromkeys(("address_1", "address_2", "address_3", "state_province", "postal_code", "phone")),
        **dict.fromkeys(("longitude", "latitude", "state", "street")),
        "id": f"brewery-{number:03}",
        "name": f"Brauerei {number}",
        "brewery_type": ("micro", "Brewpub", "large")[number % 3],
        "city": ("Köln", " Portland ", None)[number % 3],
        "country": ("Germany", "United States")[number % 2],
        "website_url": f"https://example.org/{number}" if number % 5 else None,
    }
    for number in range(450)
]
"""Three pages."""


@pytest.fixture(scope="module")
def dags(repo: Path) -> dict[str, Any]:
    """The DAGs of dags/, in Airflow's database."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    bag = DagBag(dag_folder=repo / "dags", bundle_name="dags")
    assert bag.import_errors == {}
    with create_session() as session:
        session.merge(DagBundleModel(name="dags"))
    sync_bag_to_db(bag, "dags", None)
    return dict(bag.dags)


@pytest.fixture(scope="module")
def lakehouse(dags: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lakehouse after a run of both DAGs."""
    folder = tmp_path_factory.mktemp("airflow3") / "lakehouse"
    with MockApi(data=RECORDS) as api, pytest.MonkeyPatch.context() as environ:
        environ.setenv("BREWERY_API_URL", f"{api.url}/v1")
        environ.setenv("BREWERY_SPARK_MODE", "local")
        environ.setenv("LAKEHOUSE_URI", str(folder))
        for name in (INGESTION, TRANSFORMATION):
            run = dags[name].test(logical_date=dt.datetime.combine(DATE, dt.time(), tzinfo=dt.UTC))
            states = {task.task_id: task.state for task in run.get_task_instances()}
            assert set(states.values()) == {"success"}, states
        yield folder


def test_the_leg_has_airflow_3() -> None:
    assert version("apache-airflow").startswith("3.")


def test_the_second_dag_waits_for_the_asset_of_the_first(dags: dict[str, Any]) -> None:
    (outlet,) = dags[INGESTION].get_task("validate_bronze").outlets
    assert [asset.uri for asset in dags[TRANSFORMATION].timetable.asset_condition.objects] == [outlet.uri]


@pytest.mark.parametrize("table", GOLD)
def test_gold_is_what_the_api_sent(table: str, lakehouse: Path) -> None:
    session = SparkSession.getActiveSession()
    assert session is not None
    expected = Expected([Day(DATE, RECORDS)])

    actual = frames.read(session, f"{lakehouse}/gold/{table}", GOLD[table].schema)
    frames.assert_same(actual, frames.gold(session, expected, table))
