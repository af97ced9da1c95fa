"""What the Ingress controller serves: certificates of cert-manager, HTTPS only; and who is kept out behind it."""

import json
import secrets
import ssl
from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e.test_network import PROGRAM
from tests.live.platform import Platform
from tests.sign_in_cluster.entrance import AIRFLOW, HOSTS, Entrance
from tests.sign_in_cluster.prepare import ISSUER, PROVIDER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

NAMESPACE: Final = "default"
PLACES: Final = {
    "airflow": "airflow-webserver.orchestrator.svc.cluster.local:8080",
    "jupyter-sign-in": "jupyter-sign-in.jupyter.svc.cluster.local:4180",
    "jupyterlab": "jupyterlab.jupyter.svc.cluster.local:8888",
    "provider": f"{PROVIDER}:443",
    "traefik": "traefik.outside.svc.cluster.local:443",
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_has_a_certificate_of_cert_manager(entrance: Entrance, platform: Platform, host: str) -> None:
    namespace, name = HOSTS[host], f"{host.partition('.')[0]}-tls"
    issued = platform.secret(namespace, name)["tls.crt"]
    first = f"{issued.partition('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n"
    assert entrance.certificate(host) == ssl.PEM_cert_to_DER_cert(first)
    (certificate,) = platform.cluster.get("certificates.cert-manager.io", namespace)
    assert certificate["metadata"]["name"] == name
    assert certificate["metadata"]["ownerReferences"][0]["kind"] == "Ingress"
    reference = certificate["spec"]["issuerRef"]
    assert (reference["kind"], reference["name"]) == ("ClusterIssuer", ISSUER)
    assert {item["type"]: item["status"] for item in certificate["status"]["conditions"]}["Ready"] == "True"


def test_without_a_host_of_an_ingress_there_is_no_such_certificate(entrance: Entrance) -> None:
    other = f"other.{AIRFLOW}"
    ports = {("https", other): entrance.ports["https", AIRFLOW]}
    with pytest.raises(ssl.SSLCertVerificationError):
        Entrance(ports, entrance.authority).certificate(other)


@pytest.mark.parametrize("host", HOSTS)
def test_http_leads_to_https(entrance: Entrance, host: str) -> None:
    answer = entrance.browser("ada").get(f"http://{host}/some/page?of=it", allow_redirects=False, timeout=120)
    assert answer.is_redirect
    assert answer.headers["Location"] == f"https://{host}/some/page?of=it"


@pytest.fixture
def traveller(platform: Platform) -> Iterator[str]:
    """A pod in a namespace that no policy names, free to go anywhere; its name."""
    name = f"traveller-{secrets.token_hex(4)}"
    (image,) = (
        pod["spec"]["containers"][0]["image"]
        for pod in platform.cluster.get("pods", "outside", "--selector=app.kubernetes.io/name=mock-api")
    )
    there = f"--namespace={NAMESPACE}"
    forever = ("--command", "--", "python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
    platform.cluster.run("run", name, there, f"--image={image}", "--restart=Never", *forever, doing="start a pod")
    try:
        ready = ("--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        platform.cluster.run("wait", there, *ready, doing="wait for the pod", timeout=180)
        yield name
    finally:
        platform.cluster.run("delete", "pod", name, there, "--wait=false", doing="remove the pod")


def test_others_do_not_get_past_the_ingress_controller(platform: Platform, traveller: str) -> None:
    words = ["python3", "-c", PROGRAM, json.dumps(PLACES)]
    said = platform.cluster.execute(NAMESPACE, f"pod/{traveller}", words, doing="look around")
    assert {place for place, there in json.loads(said).items() if there} == {"provider", "traefik"}
