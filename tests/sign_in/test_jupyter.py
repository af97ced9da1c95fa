"""Oauth2-proxy with the component's settings, in front of what repeats its token, and of JupyterLab."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from harness.clusters.without_registry.upstream import FOLDER
from harness.machine.gobuild import programs, tools_of
from harness.machine.packages import uv
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT
from tests.live.forward import free_port
from tests.processes import QuietHandler, serving, started
from tests.sign_in.machine import CLIENT, Machine, wait_for_answer
from tests.sign_in.people import GROUPS, browser
from tests.sign_in.rights import JUPYTER

pytestmark = pytest.mark.sign_in


class JupyterLab(QuietHandler):
    """Says with which token it was asked."""

    def answer(self) -> None:
        content = str(self.headers["Authorization"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def proxy(machine: Machine, upstream: str, token: str) -> Iterator[str]:
    """oauth2-proxy with the manifests' own settings, but for the addresses; its URL."""
    source, port = ROOT / FOLDER / "oauth2-proxy", free_port()
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
    (upstreams,) = config["upstreamConfig"]["upstreams"]
    upstreams["uri"] = upstream
    file = machine.folder / "oauth2-proxy.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    variables = machine.variables("jupyter-sign-in")
    environment = {
        **variables,
        "OAUTH2_PROXY_REDIRECT_URL": f"https://localhost:{port}/oauth2/callback",
        "OAUTH2_PROXY_COOKIE_SECRET": secrets.token_hex(16),
        "CLIENT_ID": CLIENT["CLIENT_ID"],
        # As the kubelet puts it together.
        "AUTHORIZATION": variables["AUTHORIZATION"].replace("$(JUPYTER_TOKEN)", token),
        "SSL_CERT_FILE": str(machine.authority),
    }
    with started([program, f"--alpha-config={file}"], env=environment) as server:
        wait_for_answer(f"https://localhost:{port}/ping", machine, server)
        yield f"https://localhost:{port}"


def test_the_proxy_lets_one_group_in_with_jupyterlabs_token(machine: Machine) -> None:
    with serving(JupyterLab) as upstream, proxy(machine, upstream, "t0") as url:
        answers = {name: browser(name, machine.authority).get(f"{url}/lab", timeout=120) for name in GROUPS}
        assert {name: answer.status_code for name, answer in answers.items()} == JUPYTER
        assert answers["vic"].text == "token t0"
        # Nobody gets past the proxy, not even with a token of their own.
        for headers in ({}, {"Authorization": "token t0"}):
            answer = requests.get(
                f"{url}/lab", headers=headers, allow_redirects=False, verify=str(machine.authority), timeout=120
            )
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(f"{machine.issuer}/authorize?")


COMPUTE = """
import json
import sys
import uuid

import websocket

url, authority, cookies, origin = sys.argv[1:]
options = {"ca_certs": authority}
socket = websocket.create_connection(url, sslopt=options, header=[f"Cookie: {cookies}"], origin=origin, timeout=120)
header = {"msg_id": uuid.uuid4().hex, "session": "s", "msg_type": "execute_request", "version": "5.3"}
header["username"] = ""
content = {"code": "print(6 * 7)", "silent": False}
message = {"channel": "shell", "header": header, "content": content}
message |= {"parent_header": {}, "metadata": {}, "buffers": []}
socket.send(json.dumps(message))
while True:
    answer = json.loads(socket.recv())
    if answer["msg_type"] == "stream":
        print(answer["content"]["text"].strip())
        break
"""
"""Prints what a kernel says; JupyterLab's own packages have the client."""


def test_jupyterlab_computes_behind_the_proxy(machine: Machine, repo: Path) -> None:
    packages, home, port = machine.folder / "jupyter", machine.folder / "home", free_port()
    home.mkdir()
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, packages], check=True)
    lock = repo / "requirements/image-jupyter.txt"
    into = ("--python", packages / "bin/python", "--require-hashes", "--requirements", lock)
    subprocess.run([uv(), "pip", "install", "--quiet", *into], check=True, env=with_certificates(os.environ))
    deployment = machine.one("Deployment", "jupyterlab")["spec"]["template"]["spec"]["containers"][0]
    here = {"--ip=0.0.0.0": "--ip=127.0.0.1", "--port=8888": f"--port={port}"}
    arguments = [here.get(argument, argument).replace("/home/jovyan", str(home)) for argument in deployment["args"]]
    if os.geteuid() == 0:
        arguments.append("--allow-root")
    token, upstream = secrets.token_hex(20), f"http://127.0.0.1:{port}"
    path = f"{packages / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(home), "JUPYTER_TOKEN": token, "PATH": path}
    with started([packages / "bin/jupyter", "lab", *arguments], env=environment) as server:
        wait_for_answer(f"{upstream}/login", machine, server)
        assert requests.get(f"{upstream}/api/contents", timeout=120).status_code == 403
        with proxy(machine, upstream, token) as url:
            person = browser("vic", machine.authority)
            assert "jupyter-config-data" in person.get(f"{url}/lab", timeout=120).text
            kernel = person.post(f"{url}/api/kernels", json={"name": "python3"}, timeout=120).json()["id"]
            cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.cookies)
            channels = f"wss{url.removeprefix('https')}/api/kernels/{kernel}/channels"
            words = [channels, str(machine.authority), cookies, url]
            said = subprocess.run(
                [packages / "bin/python", "-c", COMPUTE, *words], capture_output=True, text=True, check=False
            )
            assert said.stdout == "42\n", said.stderr
