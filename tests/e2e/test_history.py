"""Spark's history server shows the applications of both days after their pods are gone."""

from typing import Any

import pytest
import requests

from tests.live.platform import Platform
from tests.live.proof import Proof, Taken
from tests.live.wait import until

pytestmark = pytest.mark.e2e

JOBS = ("bronze_to_silver", "silver_to_gold", "quality_gate")


@pytest.fixture(scope="module")
def api(platform: Platform) -> str:
    return f"http://{platform.forwards.address('monitoring', 'spark-history', 18080)}/api/v1/applications"


def test_an_application_that_has_ended_is_listed(api: str, proof: Proof, days: tuple[Taken, Taken]) -> None:
    started = {
        str(app["status"]["sparkApplicationId"]): app["spec"]["arguments"][0]
        for app in proof.applications.values()
        if (app["status"] or {}).get("sparkApplicationId")
    }

    def ended() -> dict[str, list[Any]] | None:
        """Completed applications by their job, once both days have one of each."""
        listed = requests.get(api, timeout=60).json()
        done = [item for item in listed if item["id"] in started and item["attempts"][0]["completed"]]
        by_job = {job: [item for item in done if started[item["id"]] == job] for job in JOBS}
        return by_job if all(len(items) >= len(days) for items in by_job.values()) else None

    by_job = until(ended, what="the history server lists the applications of both days", seconds=120)
    assert {job: {item["name"] for item in items} for job, items in by_job.items()} == {
        job: {f"lakehouse {job}"} for job in JOBS
    }


def test_its_stages_can_be_looked_at(api: str, proof: Proof, days: tuple[Taken, Taken]) -> None:
    (newest, *_) = [item for item in requests.get(api, timeout=60).json() if item["attempts"][0]["completed"]]
    stages = requests.get(f"{api}/{newest['id']}/stages", timeout=60).json()
    assert {stage["status"] for stage in stages} >= {"COMPLETE"}
