"""A Spark job within the task's own process: what its errors mean to Airflow."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow


@pytest.fixture(params=["refused", "broke"])
def ends(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    """A job ends with an error, without Spark; what the task is to end with."""
    from airflow.exceptions import AirflowException, AirflowFailException

    from lakehouse import session
    from lakehouse.errors import LakehouseError, TransientError
    from lakehouse.jobs import silver_to_gold

    errors = {"refused": (LakehouseError, AirflowFailException), "broke": (TransientError, AirflowException)}
    raised, expected = errors[request.param]

    def run(_spark: object, _layout: object) -> None:
        raise raised("Silver is not there: bring it back.")

    monkeypatch.setattr(session, "get_session", lambda: None)
    monkeypatch.setattr(silver_to_gold, "run", run)
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    return expected


def test_params_of_the_run_reach_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brewery.orchestration.spark import run_locally
    from lakehouse import session
    from lakehouse.jobs import maintenance

    given: dict[str, object] = {}
    monkeypatch.setattr(session, "get_session", lambda: None)
    monkeypatch.setattr(maintenance, "run", lambda _spark, _layout, **options: given.update(options))
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    run_locally("maintenance", ("retention_hours",), {"retention_hours": 336, "other": 1})
    assert given == {"retention_hours": 336}


def test_only_what_may_heal_keeps_the_retries(ends: type[Exception]) -> None:
    from brewery.orchestration.spark import run_locally

    with pytest.raises(ends) as caught:
        run_locally("silver_to_gold")
    assert type(caught.value) is ends
    assert str(caught.value) == "Silver is not there: bring it back."
