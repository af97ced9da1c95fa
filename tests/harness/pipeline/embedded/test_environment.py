"""The environment of the process that runs the DAGs."""

from pathlib import Path

from brewery.contract.limits import Limits
from brewery.settings import Settings
from harness.pipeline.embedded.environment import worker_environment


def environment_of(folder: Path, limits: Limits) -> dict[str, str]:
    api = "http://127.0.0.1:1/v1"
    return worker_environment(home=folder, lakehouse=folder, api=api, spark={}, limits=limits, base={})


def test_the_jobs_read_the_limits_that_were_given(tmp_path: Path) -> None:
    limits = Limits(rejected_share=0.125, drop=0.5, max_age_hours=72, warn_gone=0.01)
    assert Limits.from_env(environment_of(tmp_path, limits)) == limits


def test_a_message_of_the_ingestion_names_the_option_of_harness_run(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, Limits())
    settings = Settings.from_env(environment)
    assert (settings.api_url, settings.api_option) == ("http://127.0.0.1:1/v1", "--api")
