"""components/sign-in's settings of Airflow, as its webserver reads them: who gets in, and with which role."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

# What the provider says of somebody, and the roles that Airflow then gives; none where it refuses.
LOGINS: list[tuple[str, Any, list[str]]] = [
    ("ada", ["lakehouse-admins"], ["Admin"]),
    ("oli", ["staff", "lakehouse-operators"], ["Op"]),
    ("uma", ["lakehouse-users"], ["User"]),
    ("vic", ["lakehouse-viewers"], ["Viewer"]),
    ("two", ["lakehouse-viewers", "lakehouse-operators"], ["Op"]),
    ("stranger", ["staff"], []),
    ("nobody", [], []),
    ("silent", None, []),
    # Neither a group of one letter each, nor a role by its name.
    ("text", "lakehouse-admins", []),
    ("name", ["Admin"], []),
    ("case", ["Lakehouse-Admins"], []),
    # The same person later: the groups have changed, and then are gone.
    ("ada", ["lakehouse-viewers"], ["Viewer"]),
    ("ada", ["staff"], []),
]

LOG_IN = """
import json
import sys

import jwt
from airflow.utils.db import initdb
from airflow.www.app import create_app

initdb()
app = create_app(config={"WTF_CSRF_ENABLED": False})
manager = app.appbuilder.sm
manager.sync_roles()
manager.add_user("admin", "A", "A", "a@localhost", manager.find_role("Admin"), "a password that is right")
manager.get_session.remove()
print("READY")


def logged_in(client):
    with client.session_transaction() as session:
        user = session.get("_user_id")
    names = sorted(role.name for role in manager.get_user_by_id(int(user)).roles) if user else []
    manager.get_session.remove()
    return names


for subject, groups, _ in json.load(sys.stdin):
    claims = {"sub": subject, "email": f"{subject}@localhost", "groups": groups}
    claims = {name: value for name, value in claims.items() if value is not None}
    answer = {"access_token": "token", "userinfo": claims}
    manager.oauth_remotes["oidc"].authorize_access_token = lambda: answer
    client = app.test_client()
    with client.session_transaction() as session:
        session["oauth_state"] = "a state that is long enough for a key"
    state = jwt.encode({}, "a state that is long enough for a key", algorithm="HS256")
    client.get(f"/oauth-authorized/oidc?state={state}")
    print(json.dumps(logged_in(client)))

client = app.test_client()
client.post("/login/", data={"username": "admin", "password": "a password that is right"})
print(json.dumps(logged_in(client)))
"""
"""Prints the roles that each login ends with, and at last those of a password."""


def test_each_group_has_its_role_and_a_stranger_none(repo: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__WEBSERVER__CONFIG_FILE": str(repo / "components/sign-in/airflow/webserver_config.py"),
        # SQLite has one writer, and the webserver keeps sessions in the database.
        "AIRFLOW__WEBSERVER__SESSION_BACKEND": "securecookie",
        "OIDC_ISSUER": "https://login.acme.io",
        "OIDC_CLIENT_ID": "airflow",
        "OIDC_CLIENT_SECRET": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOG_IN],
        input=json.dumps(LOGINS),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.partition("READY\n")[2].splitlines()
    *roles, password = [json.loads(line) for line in said if line.startswith("[") and line.endswith("]")]
    assert list(zip([login[0] for login in LOGINS], roles, strict=True)) == [
        (who, roles) for who, _, roles in LOGINS
    ]
    assert password == []
