"""Makes what components/sign-in expects of a cluster, before the platform comes up; run again, it keeps it.

That is cert-manager's definitions and a ClusterIssuer, whose authority is made here; and what the provider and its
clients know of each other.
"""

import base64
import json
import secrets
import sys
from typing import Any, Final

from harness.clusters.deploy.cluster import connect
from harness.clusters.deploy.wait import until_established
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.without_registry.upstream import FOLDER
from harness.machine.gobuild import version_of
from harness.manifests.kubernetes_yaml import load
from harness.manifests.upstream import module_folder
from harness.paths import ROOT
from tests.sign_in.authority import Authority
from tests.sign_in.people import GROUPS

ISSUER: Final = "authority-of-the-tests"
PROVIDER: Final = "login.outside.svc.cluster.local"
CLIENTS: Final = {"cicd": "argocd-sign-in", "jupyter": "jupyter-sign-in", "orchestrator": "airflow-sign-in"}
"""Namespace -> the Secret that the ExternalSecret of components/sign-in/secrets makes there."""
CERT_MANAGER: Final = "github.com/cert-manager/cert-manager"
_LABELS: Final = {"app.kubernetes.io/part-of": "argocd"}
"""Without these, Argo CD reads no Secret."""

Object = dict[str, Any]


def main(name: str) -> None:
    made = Cluster(name)
    cluster = connect(made.kubeconfig, made.context)
    _define(cluster)
    namespaces = [*CLIENTS, "outside"]
    cluster.apply(
        _stream([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": item}} for item in namespaces]),
        doing="create the namespaces of what is prepared",
    )
    # They belong together, and the last one that is made tells whether all are there.
    if not cluster.get("certificates.cert-manager.io", "outside", "--field-selector=metadata.name=login"):
        cluster.apply(_stream(_objects()), doing="create the authority, and what the provider's clients know")


def _define(cluster: Kubectl) -> None:
    version = version_of(CERT_MANAGER, ROOT / FOLDER / "cert-manager")
    folder = module_folder(CERT_MANAGER, version) / "deploy" / "crds"
    definitions = [
        document
        for path in sorted(folder.glob("*.yaml"))
        for document in load(path.read_text(encoding="utf-8"))
        if document
    ]
    cluster.apply(_stream(definitions), doing="create cert-manager's definitions")
    until_established(cluster, [item["metadata"]["name"] for item in definitions])


def _objects() -> list[Object]:
    authority = Authority()
    client = {"client-id": "lakehouse", "client-secret": secrets.token_hex(20)}
    provider = {
        "CLIENT_ID": client["client-id"],
        "CLIENT_SECRET": client["client-secret"],
        "PEOPLE": json.dumps(GROUPS),
    }
    cookies = {"cookie-secret": secrets.token_hex(16)}
    pair = {"tls.crt": authority.certificate.decode(), "tls.key": authority.key.decode()}
    return [
        _secret("outside", "authority", pair),
        _secret("outside", "login", provider),
        *(_secret(namespace, name, client | cookies) for namespace, name in CLIENTS.items()),
        *(_authority(namespace, authority) for namespace in CLIENTS),
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "ClusterIssuer",
            "metadata": {"name": ISSUER},
            "spec": {"ca": {"secretName": "authority"}},
        },
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"namespace": "outside", "name": "login"},
            "spec": {
                "secretName": "login-tls",
                "dnsNames": [PROVIDER],
                "issuerRef": {"kind": "ClusterIssuer", "name": ISSUER},
            },
        },
    ]


def _secret(namespace: str, name: str, values: dict[str, str]) -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"namespace": namespace, "name": name, "labels": _LABELS}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _authority(namespace: str, authority: Authority) -> Object:
    metadata = {"namespace": namespace, "name": "authority"}
    data = {"ca.crt": authority.certificate.decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _stream(objects: list[Object]) -> str:
    return "---\n".join(json.dumps(item) + "\n" for item in objects)


if __name__ == "__main__":
    main(sys.argv[1])
