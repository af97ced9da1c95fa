"""components/sign-in, switched on and off as its README says."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.paths import ROOT
from harness.validate.command import validate
from tests.harness.init.test_init import EKS, run

pytestmark = pytest.mark.tools

Resource = dict[str, Any]
PROVIDER = {
    "domain": "lake.acme.io",
    "issuer": "https://login.acme.io/realms/people",
    "authorization-endpoint": "https://login.acme.io/realms/people/auth",
    "token-endpoint": "https://login.acme.io/realms/people/token",
    "userinfo-endpoint": "https://login.acme.io/realms/people/userinfo",
}
# Namespace, Service and port of each host.
BACKENDS = {
    "airflow.lake.acme.io": ("orchestrator", "airflow-webserver", 8080),
    "argocd.lake.acme.io": ("cicd", "argocd-server", 80),
    "grafana.lake.acme.io": ("monitoring", "grafana", 3000),
    "jupyter.lake.acme.io": ("jupyter", "jupyter-sign-in", 4180),
}


def rendered(tree: Path) -> list[Resource]:
    builds = build_all(roots(tree, "eks"))
    assert [problem for build in builds for problem in build.problems] == []
    return [item.value for build in builds for item in build.resources]


def one(resources: list[Resource], kind: str, name: str) -> Resource:
    (found,) = (
        item
        for item in resources
        if item["kind"] == kind and re.fullmatch(rf"{name}(-[a-z0-9]{{10}})?", item["metadata"]["name"])
    )
    return found


def variables(resources: list[Resource], name: str) -> dict[str, Any]:
    """Of the first container of a Deployment."""
    env = one(resources, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["env"]
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in env}


def switched_on(tree: Path) -> Path:
    """The tree of somebody who has switched it on."""
    file = tree / "overlays/eks/sign-in/kustomization.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count("components/sign-in/off\n") == 1
    file.write_text(text.replace("components/sign-in/off\n", "components/sign-in/on\n"), encoding="utf-8")
    run(tree, "eks", {**EKS, **PROVIDER})
    return tree


@pytest.fixture
def on(tree: Path) -> Path:
    return switched_on(tree)


@pytest.fixture
def resources(on: Path) -> list[Resource]:
    return rendered(on)


def test_one_line_after_which_nothing_is_found(on: Path) -> None:
    run(on, "minikube", {"repository": EKS["repository"]})
    # Every overlay has its repository now.
    (on / "components/source/exemptions.yaml").unlink()
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["--root", str(on)])
    assert done.exit_code == 0, done.output


def test_switched_off_it_leaves_nothing() -> None:
    text = yaml.safe_dump_all(rendered(ROOT))
    assert "sign-in" not in text
    assert "Ingress\n" not in text.replace("- Ingress\n", "")


def test_each_host_leads_to_its_service_over_tls(resources: list[Resource]) -> None:
    ingresses = [item for item in resources if item["kind"] == "Ingress"]
    found = {}
    for item in ingresses:
        (rule,) = item["spec"]["rules"]
        (tls,) = item["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
        assert item["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
        # Without an address, Argo CD would hold the waves after it.
        assert item["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true"
        assert item["spec"]["ingressClassName"] == "traefik"
        (path,) = rule["http"]["paths"]
        service = path["backend"]["service"]
        ports = one(resources, "Service", service["name"])["spec"]["ports"]
        (port,) = (port["port"] for port in ports if port["name"] == service["port"]["name"])
        found[rule["host"]] = (item["metadata"]["namespace"], service["name"], port)
    assert found == BACKENDS


def test_domain_and_provider_are_where_the_programs_read_them(resources: list[Resource]) -> None:
    issuer = PROVIDER["issuer"]
    airflow = variables(resources, "airflow-webserver")
    assert (airflow["OIDC_ISSUER"], airflow["AIRFLOW__WEBSERVER__BASE_URL"]) == (
        issuer,
        "https://airflow.lake.acme.io",
    )
    settings = one(resources, "ConfigMap", "argocd-cm")["data"]
    assert settings["url"] == "https://argocd.lake.acme.io"
    assert yaml.safe_load(settings["oidc.config"])["issuer"] == issuer
    grafana = variables(resources, "grafana")
    assert grafana["GF_SERVER_ROOT_URL"] == "https://grafana.lake.acme.io"
    assert [grafana[f"GF_AUTH_GENERIC_OAUTH_{name}_URL"] for name in ("AUTH", "TOKEN", "API")] == [
        f"{issuer}/{path}" for path in ("auth", "token", "userinfo")
    ]
    assert variables(resources, "jupyter-sign-in")["OAUTH2_PROXY_REDIRECT_URL"] == (
        "https://jupyter.lake.acme.io/oauth2/callback"
    )
    proxy = yaml.safe_load(one(resources, "ConfigMap", "jupyter-sign-in")["data"]["oauth2-proxy.yaml"])
    assert proxy["providers"][0]["oidcConfig"]["issuerURL"] == issuer


def test_nobody_signs_in_with_a_password(resources: list[Resource]) -> None:
    assert one(resources, "ConfigMap", "argocd-cm")["data"]["admin.enabled"] == "false"
    grafana = variables(resources, "grafana")
    assert not any("PASSWORD" in name for name in grafana)
    assert (grafana["GF_AUTH_BASIC_ENABLED"], grafana["GF_AUTH_DISABLE_LOGIN_FORM"]) == ("false", "true")
    assert "admin-password" not in yaml.safe_dump(one(resources, "Job", "airflow-migrate"))


def test_only_the_controller_and_what_was_there_reach_the_web_interfaces(resources: list[Resource]) -> None:
    policies = [item for item in resources if item["kind"] == "NetworkPolicy"]
    found = {
        item["metadata"]["namespace"]: item["spec"]["ingress"]
        for item in policies
        if item["metadata"]["name"] == "sign-in"
    }
    assert found == {
        namespace: [
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}],
                "ports": [{"protocol": "TCP", "port": port}],
            }
        ]
        for namespace, _, port in BACKENDS.values()
        if namespace != "cicd"
    }


def test_the_printed_commands_make_the_clients_and_the_role(on: Path) -> None:
    script = run(on, "eks", {"aws": "commands"})
    for entry in ("cicd/argocd", "orchestrator/airflow", "monitoring/grafana", "jupyter/jupyter"):
        assert f"secret lakehouse/{entry}-sign-in <<END" in script
    assert "lakehouse-secrets-cicd" in script


def test_argo_cd_may_read_its_secret(resources: list[Resource]) -> None:
    external = one(resources, "ExternalSecret", "argocd-sign-in")
    labels = external["spec"]["target"]["template"]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/part-of": "argocd"}
    oidc = yaml.safe_load(one(resources, "ConfigMap", "argocd-cm")["data"]["oidc.config"])
    assert (oidc["clientID"], oidc["clientSecret"]) == (
        "$argocd-sign-in:client-id",
        "$argocd-sign-in:client-secret",
    )
