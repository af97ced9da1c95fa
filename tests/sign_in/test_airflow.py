"""Airflow's webserver with the component's settings: real logins over TLS, each with the rights of a role."""

import os
import sys
from collections.abc import Iterator

import pytest
import requests

from tests.live.forward import free_port
from tests.processes import started
from tests.sign_in.machine import CLIENT, Machine, wait_for_answer
from tests.sign_in.people import browser
from tests.sign_in.rights import AIRFLOW, in_airflow

pytestmark = pytest.mark.sign_in

WEBSERVER = """
import sys

from airflow.utils.db import initdb
from airflow.www.app import create_app
from werkzeug.serving import make_server

initdb()
app = create_app()
app.appbuilder.sm.sync_roles()
make_server("127.0.0.1", int(sys.argv[1]), app, ssl_context=(sys.argv[2], sys.argv[3])).serve_forever()
"""


@pytest.fixture(scope="module")
def airflow(machine: Machine) -> Iterator[str]:
    """The webserver with the manifests' own settings, but for the addresses; its URL."""
    port, home = free_port(), machine.folder / "airflow"
    home.mkdir()
    config = home / "webserver_config.py"
    config.write_text(machine.one("ConfigMap", "airflow-sign-in")["data"]["webserver_config.py"], encoding="utf-8")
    environment = {
        **os.environ,
        **machine.variables("airflow-webserver"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        # SQLite has one writer, and the webserver keeps sessions in the database.
        "AIRFLOW__WEBSERVER__SESSION_BACKEND": "securecookie",
        "AIRFLOW__WEBSERVER__CONFIG_FILE": str(config),
        "AIRFLOW__WEBSERVER__BASE_URL": f"https://localhost:{port}",
        "OIDC_ISSUER": machine.issuer,
        **{f"OIDC_{name}": value for name, value in CLIENT.items()},
        "REQUESTS_CA_BUNDLE": str(machine.authority),
    }
    command = [sys.executable, "-c", WEBSERVER, str(port), str(machine.certificate), str(machine.key)]
    with started(command, env=environment) as server:
        wait_for_answer(f"https://localhost:{port}/health", machine, server)
        yield f"https://localhost:{port}"


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_lets_each_do_what_the_role_may(airflow: str, machine: Machine, name: str) -> None:
    person = browser(name, machine.authority)
    page = person.get(f"{airflow}/login/oidc", timeout=120)
    assert (page.status_code, page.url) == (200, f"{airflow}/home")
    assert in_airflow(person, airflow) == AIRFLOW[name]


def test_airflow_refuses_a_stranger_and_a_password(airflow: str, machine: Machine) -> None:
    stranger = browser("eve", machine.authority)
    page = stranger.get(f"{airflow}/login/oidc", timeout=120)
    assert page.url.startswith(f"{airflow}/login/")
    assert stranger.get(f"{airflow}/api/v1/dags", timeout=120).status_code in (401, 403)
    anyone = requests.get(
        f"{airflow}/api/v1/dags", auth=("admin", "admin"), verify=str(machine.authority), timeout=120
    )
    assert anyone.status_code in (401, 403)
