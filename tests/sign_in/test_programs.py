"""The settings of components/sign-in in the programs that read them, on this machine: logins over TLS."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from harness.machine.gobuild import programs, tools_of
from tests.conftest import copied
from tests.live.forward import free_port
from tests.overlays.test_sign_in import one, rendered, switched_on
from tests.processes import QuietHandler, serving, started, wait_for
from tests.sign_in.api_server import api_server, apply, apply_once_defined
from tests.sign_in.authority import Authority, Files
from tests.sign_in.people import GROUPS, browser
from tests.sign_in.redis import redis

pytestmark = pytest.mark.sign_in

HERE = Path(__file__).parent
CLIENT = {"CLIENT_ID": "lakehouse", "CLIENT_SECRET": secrets.token_hex(20)}

# What each may do in Airflow: list users, list connections, change a DAG (404: the right is there, the DAG is not).
AIRFLOW = {"ada": (200, 200, 404), "oli": (403, 200, 404), "uma": (403, 403, 404), "vic": (403, 403, 403)}

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


@dataclass(frozen=True)
class Machine:
    """The overlay's resources, and a provider that runs here."""

    resources: list[dict[str, Any]]
    folder: Path
    authority: Path
    certificate: Path
    key: Path
    issuer: str

    def one(self, kind: str, name: str) -> dict[str, Any]:
        return one(self.resources, kind, name)

    def variables(self, deployment: str) -> dict[str, str]:
        """Those of its first container that have a value."""
        (container, *_) = self.one("Deployment", deployment)["spec"]["template"]["spec"]["containers"]
        return {item["name"]: item["value"] for item in container["env"] if "value" in item}


@pytest.fixture(scope="module")
def machine(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("sign-in")
    authority, port = Authority(), free_port()
    certificate, key = authority.pair("localhost", "127.0.0.1").write(folder, "localhost")
    (folder / "ca.crt").write_bytes(authority.certificate)
    source = HERE / "oidc-provider"
    provider = programs(source, tools_of(source), users_caches=True) / "oidc-provider"
    settings = {
        **CLIENT,
        "PEOPLE": json.dumps(GROUPS),
        "CERTIFICATE": str(certificate),
        "KEY": str(key),
        "HOST": f"localhost:{port}",
        "LISTEN": f"127.0.0.1:{port}",
    }
    resources = rendered(switched_on(copied(repo, folder / "tree")))
    with started([provider], env=settings) as server:
        issuer = f"https://localhost:{port}/oidc"
        here = Machine(resources, folder, folder / "ca.crt", certificate, key, issuer)
        wait_for_answer(f"{issuer}/.well-known/openid-configuration", here, server)
        yield here


def wait_for_answer(url: str, machine: Machine, server: "subprocess.Popen[str]") -> None:
    def answers() -> bool | None:
        assert server.poll() is None, f"the server of {url} has ended"
        try:
            return requests.get(url, verify=str(machine.authority), timeout=30).ok or None
        except requests.ConnectionError:
            return None

    wait_for(answers, f"{url} answers")


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
    answers = (
        person.get(f"{airflow}/api/v1/users", timeout=120),
        person.get(f"{airflow}/api/v1/connections", timeout=120),
        person.patch(f"{airflow}/api/v1/dags/none", json={"is_paused": True}, timeout=120),
    )
    assert tuple(answer.status_code for answer in answers) == AIRFLOW[name]


def test_airflow_refuses_a_stranger_and_a_password(airflow: str, machine: Machine) -> None:
    stranger = browser("eve", machine.authority)
    page = stranger.get(f"{airflow}/login/oidc", timeout=120)
    assert page.url.startswith(f"{airflow}/login/")
    assert stranger.get(f"{airflow}/api/v1/dags", timeout=120).status_code in (401, 403)
    anyone = requests.get(
        f"{airflow}/api/v1/dags", auth=("admin", "admin"), verify=str(machine.authority), timeout=120
    )
    assert anyone.status_code in (401, 403)


class JupyterLab(QuietHandler):
    """Says with which token it was asked."""

    def answer(self) -> None:
        content = str(self.headers["Authorization"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def proxy(machine: Machine, repo: Path) -> Iterator[str]:
    """oauth2-proxy with the manifests' own settings, but for the addresses; its URL."""
    source, port = HERE / "oauth2-proxy", free_port()
    ldflags = (source / "ldflags").read_text(encoding="utf-8").strip()
    program = programs(source, tools_of(source), ldflags=ldflags) / "oauth2-proxy"
    config = yaml.safe_load(machine.one("ConfigMap", "jupyter-sign-in")["data"]["oauth2-proxy.yaml"])
    secret = machine.folder / "client-secret"
    secret.write_text(CLIENT["CLIENT_SECRET"], encoding="utf-8")
    (provider,) = config["providers"]
    assert provider["clientSecretFile"] == "/run/secrets/sign-in/client-secret"
    provider["clientSecretFile"] = str(secret)
    provider["oidcConfig"]["issuerURL"] = machine.issuer
    # TLS ends at the Ingress controller, of which there is none.
    config["server"] = {
        "secureBindAddress": f"127.0.0.1:{port}",
        "tls": {"key": {"fromFile": str(machine.key)}, "cert": {"fromFile": str(machine.certificate)}},
    }
    with serving(JupyterLab) as upstream:
        (upstreams,) = config["upstreamConfig"]["upstreams"]
        upstreams["uri"] = upstream
        file = machine.folder / "oauth2-proxy.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        environment = {
            **machine.variables("jupyter-sign-in"),
            "OAUTH2_PROXY_REDIRECT_URL": f"https://localhost:{port}/oauth2/callback",
            "OAUTH2_PROXY_COOKIE_SECRET": secrets.token_hex(16),
            "CLIENT_ID": CLIENT["CLIENT_ID"],
            # As the kubelet puts it together.
            "AUTHORIZATION": machine.variables("jupyter-sign-in")["AUTHORIZATION"].replace(
                "$(JUPYTER_TOKEN)", "t0"
            ),
            "SSL_CERT_FILE": str(machine.authority),
        }
        with started([program, f"--alpha-config={file}"], env=environment) as server:
            wait_for_answer(f"https://localhost:{port}/ping", machine, server)
            yield f"https://localhost:{port}"


def test_the_proxy_lets_one_group_in_with_jupyterlabs_token(machine: Machine, repo: Path) -> None:
    with proxy(machine, repo) as url:
        answers = {name: browser(name, machine.authority).get(f"{url}/lab", timeout=120) for name in GROUPS}
        assert {name: answer.status_code for name, answer in answers.items()} == {
            "ada": 403,
            "oli": 403,
            "uma": 403,
            "vic": 200,
            "eve": 403,
        }
        assert answers["vic"].text == "token t0"
        nobody = requests.get(f"{url}/lab", allow_redirects=False, verify=str(machine.authority), timeout=120)
        assert nobody.status_code == 302
        assert nobody.headers["Location"].startswith(f"{machine.issuer}/authorize?")
        # Nobody brings a token of their own past the proxy.
        forged = requests.get(
            f"{url}/lab",
            headers={"Authorization": "token t0"},
            allow_redirects=False,
            verify=str(machine.authority),
            timeout=120,
        )
        assert forged.status_code == 302


# What each may do in Argo CD: change a project, sync, see; as `argocd admin settings rbac can` says of the group.
ARGOCD = {
    "lakehouse-admins": ("Yes", "Yes", "Yes"),
    "lakehouse-operators": ("No", "Yes", "Yes"),
    "lakehouse-users": ("No", "No", "Yes"),
    "lakehouse-viewers": ("No", "No", "Yes"),
    "lakehouse-notebook": ("No", "No", "No"),
    "staff": ("No", "No", "No"),
}

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none", "namespace": "cicd"}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
}


def argocd_program(repo: Path) -> Path:
    """All of Argo CD's programs, by the variable ARGOCD_BINARY_NAME."""
    source = repo / "images/without-registry/argocd"
    flags = (source / "ldflags").read_text(encoding="utf-8").strip()
    return programs(source, tools_of(source), ldflags=flags) / "cmd"


@pytest.mark.parametrize("group", ARGOCD)
def test_argo_cd_gives_each_group_its_rights(machine: Machine, repo: Path, group: str) -> None:
    file = machine.folder / "argocd-rbac-cm.yaml"
    file.write_text(yaml.safe_dump(machine.one("ConfigMap", "argocd-rbac-cm")), encoding="utf-8")
    # It wants a cluster to be named, and asks none for what the file has.
    kubeconfig = machine.folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG), encoding="utf-8")
    answers = []
    for question in (("update", "projects"), ("sync", "applications"), ("get", "applications")):
        command: list[str | Path] = [
            "admin",
            "settings",
            "rbac",
            "can",
            group,
            *question,
            "*",
            "--policy-file",
            file,
        ]
        done = subprocess.run(
            [argocd_program(repo), *command],
            capture_output=True,
            text=True,
            check=False,
            env={"ARGOCD_BINARY_NAME": "argocd", "HOME": str(machine.folder), "KUBECONFIG": str(kubeconfig)},
        )
        answers.append(done.stdout.strip() or done.stderr)
    assert tuple(answers) == ARGOCD[group]


@pytest.fixture(scope="module")
def argocd(machine: Machine, repo: Path) -> Iterator[str]:
    """Argo CD's server with the manifests' own settings, but for the addresses; its URL."""
    folder, port = machine.folder / "argocd", free_port()
    folder.mkdir()
    settings = machine.one("ConfigMap", "argocd-cm")
    oidc = yaml.safe_load(settings["data"]["oidc.config"])
    oidc |= {"issuer": machine.issuer, "rootCA": machine.authority.read_text(encoding="utf-8")}
    settings["data"] |= {"url": f"https://localhost:{port}", "oidc.config": yaml.safe_dump(oidc)}
    external = machine.one("ExternalSecret", "argocd-sign-in")
    labels = external["spec"]["target"]["template"]["metadata"]["labels"]
    pair = {"tls.crt": machine.certificate.read_text(), "tls.key": machine.key.read_text()}
    objects = (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cicd"}},
        settings,
        machine.one("ConfigMap", "argocd-rbac-cm"),
        secret("argocd-secret", {}, {"app.kubernetes.io/part-of": "argocd"}),
        secret("argocd-server-tls", pair, {}),
        secret(
            "argocd-sign-in", {"client-id": CLIENT["CLIENT_ID"], "client-secret": CLIENT["CLIENT_SECRET"]}, labels
        ),
    )
    definitions = [item for item in machine.resources if item["kind"] == "CustomResourceDefinition"]
    environment = {"ARGOCD_BINARY_NAME": "argocd-server", "HOME": str(folder), "PATH": os.environ["PATH"]}
    with (
        api_server(folder, Files(machine.certificate, machine.key, machine.authority)) as kubeconfig,
        redis() as store,
    ):
        apply(kubeconfig, *objects, *(item for item in definitions if item["spec"]["group"] == "argoproj.io"))
        apply_once_defined(kubeconfig, *(item for item in machine.resources if item["kind"] == "AppProject"))
        command: list[str | Path] = [
            argocd_program(repo),
            f"--port={port}",
            "--address=127.0.0.1",
            f"--kubeconfig={kubeconfig}",
        ]
        with started([*command, f"--metrics-port={free_port()}", f"--redis={store}"], env=environment) as server:
            wait_for_answer(f"https://localhost:{port}/healthz", machine, server)
            yield f"https://localhost:{port}"


def secret(name: str, values: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "cicd", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


# Whether Argo CD lets each sync, see Applications; eve signs in and sees nothing.
SIGNED_IN = {
    "ada": ("yes", "yes"),
    "oli": ("yes", "yes"),
    "uma": ("no", "yes"),
    "vic": ("no", "yes"),
    "eve": ("no", "no"),
}


@pytest.mark.parametrize("name", SIGNED_IN)
def test_argo_cd_signs_each_in_with_the_groups_rights(argocd: str, machine: Machine, name: str) -> None:
    person = browser(name, machine.authority)
    # Its pages are not here; the cookie is.
    person.get(f"{argocd}/auth/login?return_url={argocd}/applications", timeout=120)
    info = person.get(f"{argocd}/api/v1/session/userinfo", timeout=120).json()
    assert info["loggedIn"] is True, info
    assert (info["groups"], info["iss"]) == (GROUPS[name], machine.issuer)
    answers = [
        person.get(f"{argocd}/api/v1/account/can-i/applications/{right}/lakehouse/database", timeout=120).json()[
            "value"
        ]
        for right in ("sync", "get")
    ]
    assert tuple(answers) == SIGNED_IN[name]


def test_argo_cd_takes_no_password(argocd: str, machine: Machine) -> None:
    answer = requests.post(
        f"{argocd}/api/v1/session",
        json={"username": "admin", "password": "admin"},
        verify=str(machine.authority),
        timeout=120,
    )
    assert answer.status_code == 401
    anyone = requests.get(f"{argocd}/api/v1/applications", verify=str(machine.authority), timeout=120)
    assert anyone.status_code == 401
