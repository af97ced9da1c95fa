"""The way in from this machine: the hosts of the Ingresses and of the provider, each at a forwarded port."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from harness.clusters.kind.forward import LOOPBACK
from tests.sign_in import people

DOMAIN: Final = "lakehouse.test"
AIRFLOW: Final = f"airflow.{DOMAIN}"
ARGOCD: Final = f"argocd.{DOMAIN}"
JUPYTER: Final = f"jupyter.{DOMAIN}"
HOSTS: Final = {AIRFLOW: "orchestrator", ARGOCD: "cicd", JUPYTER: "jupyter"}
"""Host -> the namespace of its Ingress, whose name and Secret begin as the host does."""


@dataclass(frozen=True)
class Entrance:
    """Scheme and host -> the local port; `authority` signs all certificates."""

    ports: Mapping[tuple[str, str], int]
    authority: Path

    def browser(self, name: str) -> requests.Session:
        """One that the provider knows as this person."""
        session = people.browser(name, self.authority)
        for scheme in ("http", "https"):
            session.mount(f"{scheme}://", _Adapter(self.ports))
        return session

    def certificate(self, host: str) -> bytes:
        """The one that a browser gets from a host, as DER, once it is found to be valid for it."""
        context = ssl.create_default_context(cafile=self.authority)
        with (
            socket.create_connection((LOOPBACK, self.ports["https", host]), timeout=120) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
        assert shown is not None
        return shown


class _Adapter(HTTPAdapter):
    """Goes to the forwarded ports, and is otherwise on the host that the address names."""

    def __init__(self, ports: Mapping[tuple[str, str], int]) -> None:
        super().__init__()
        self._ports = ports

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        # The session goes on with its own, also after a redirect to another host.
        named = request.copy()
        named.headers["Host"] = _host(request)[1]
        return super().send(named, *args, **options)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        scheme, host = _host(request)
        _, pool = self.build_connection_pool_key_attributes(request, verify, cert)
        names = {"server_hostname": host, "assert_hostname": host} if scheme == "https" else {}
        connections: HTTPConnectionPool = self.poolmanager.connection_from_host(
            LOOPBACK, port=self._ports[scheme, host], scheme=scheme, pool_kwargs={**pool, **names}
        )
        return connections


def _host(request: requests.PreparedRequest) -> tuple[str, str]:
    parts = urlsplit(str(request.url))
    return parts.scheme, str(parts.hostname)
