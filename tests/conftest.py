"""Fixtures that every test may use."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Give Airflow a home of its own before anything imports it: it reads its configuration at import."""
    home = tempfile.mkdtemp(prefix="airflow-home-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ.update(
        {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
        }
    )


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def spark_variables() -> None:
    """Java, Spark and its jars in this process's environment; for fixtures that start a Spark session.

    The leg on Spark 3.3 comes with these variables set, and without the harness to work them out.
    """
    if "PYSPARK_SUBMIT_ARGS" not in os.environ:
        from harness.setup.environment import spark_environment

        os.environ.update(spark_environment())


@pytest.fixture(scope="session")
def sample_csv() -> Path:
    """3,977 real breweries of Open Brewery DB, kept beside the checkout and not in it."""
    path = ROOT.parent / "shared" / "data" / "open-brewery-db-sample.csv"
    if not path.is_file():
        pytest.skip(f"no Open Brewery DB sample at {path}: put the published breweries.csv there")
    return path
