"""The environment of the process that runs the DAGs."""

from pathlib import Path

from brewery.settings import Settings
from harness.pipeline.embedded.environment import worker_environment


def test_a_message_of_the_ingestion_names_the_option_of_harness_run(tmp_path: Path) -> None:
    environment = worker_environment(
        home=tmp_path, lakehouse=tmp_path, api="http://127.0.0.1:1/v1", spark={}, base={}
    )
    settings = Settings.from_env(environment)
    assert (settings.api_url, settings.api_option) == ("http://127.0.0.1:1/v1", "--api")
