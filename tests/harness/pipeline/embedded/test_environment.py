"""The environment of the process that runs the DAGs."""

import os
from pathlib import Path

import pytest
import requests.utils
from botocore.utils import get_environ_proxies as botocore_proxies

from brewery.contract.limits import Limits
from brewery.settings import Settings
from harness.pipeline.embedded.environment import worker_environment


def environment_of(folder: Path, limits: Limits) -> dict[str, str]:
    api = "http://127.0.0.1:1/v1"
    return worker_environment(
        home=folder, lakehouse=folder, api=api, spark={}, java_options="", limits=limits, records=7, base={}
    )


def test_the_jobs_read_the_limits_that_were_given(tmp_path: Path) -> None:
    limits = Limits(rejected_share=0.125, drop=0.5, max_age_hours=72, warn_gone=0.01)
    assert Limits.from_env(environment_of(tmp_path, limits)) == limits


def test_a_message_of_the_ingestion_names_the_option_of_harness_run(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, Limits())
    settings = Settings.from_env(environment)
    assert (settings.api_url, settings.api_option) == ("http://127.0.0.1:1/v1", "--api")


@pytest.mark.parametrize(
    "bypassed", [{}, {"NO_PROXY": "intranet"}, {"no_proxy": " a.example , b.example"}, {"NO_PROXY": "*"}]
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("lower", [True, False])
def test_no_proxy_stands_before_a_server_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, lower: bool, bypassed: dict[str, str]
) -> None:
    for name in (*os.environ,):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    base = {variable.lower() if lower else variable: "http://127.0.0.1:9", **bypassed}
    environment = worker_environment(
        home=tmp_path,
        lakehouse=tmp_path,
        api="http://x",
        spark={},
        java_options="",
        limits=Limits(),
        records=7,
        base=base,
    )
    for name, value in environment.items():
        if name.upper().endswith("_PROXY"):
            monkeypatch.setenv(name, value)
    for scheme in ("http", "https"):
        for host in ("127.0.0.1", "localhost", "[::1]"):
            url = f"{scheme}://{host}:5000/v1"
            assert not requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)), url
            assert not requests.utils.select_proxy(url, botocore_proxies(url)), url
    for names in bypassed.values():
        assert all(name.strip() in environment["no_proxy"].split(",") for name in names.split(","))
