"""Argo CD's server with the component's settings: real logins over TLS, each with the rights of the groups."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from harness.machine.gobuild import programs, tools_of
from tests.live.forward import free_port
from tests.processes import started
from tests.sign_in.api_server import api_server, apply, apply_once_defined
from tests.sign_in.authority import Files
from tests.sign_in.machine import CLIENT, Machine, wait_for_answer
from tests.sign_in.people import GROUPS, browser
from tests.sign_in.redis import redis
from tests.sign_in.rights import ARGOCD as SIGNED_IN
from tests.sign_in.rights import in_argocd

pytestmark = pytest.mark.sign_in

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


@pytest.mark.parametrize("name", SIGNED_IN)
def test_argo_cd_signs_each_in_with_the_groups_rights(argocd: str, machine: Machine, name: str) -> None:
    person = browser(name, machine.authority)
    # Its pages are not here; the cookie is.
    person.get(f"{argocd}/auth/login?return_url={argocd}/applications", timeout=120)
    info = person.get(f"{argocd}/api/v1/session/userinfo", timeout=120).json()
    assert info["loggedIn"] is True, info
    assert (info["groups"], info["iss"]) == (GROUPS[name], machine.issuer)
    assert in_argocd(person, argocd) == SIGNED_IN[name]


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
