"""A small Kubernetes API over real HTTP: namespaces and Secrets, create, read, server-side apply with versions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import QuietHandler, serving


@dataclass
class FakeCluster:
    """What the API server holds, and what it was asked."""

    kubeconfig: Path
    namespaces: set[str] = field(default_factory=set)
    secrets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    forbidden: bool = False
    interfere: int = 0
    """How often somebody else changes a Secret just before it is applied."""
    version: int = 0

    def data(self, namespace: str, name: str) -> dict[str, str]:
        return dict(self.secrets[namespace, name]["data"])

    def writes(self) -> list[tuple[str, str, str]]:
        return [request for request in self.requests if request[0] != "GET"]


def _handler(cluster: FakeCluster) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            path, _, query = self.path.partition("?")
            cluster.requests.append((self.command, path, self.headers.get("Content-Type") or ""))
            status, answer = self._respond(path.strip("/").split("/")[2:], body, query)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _respond(self, parts: list[str], body: dict[str, Any], query: str) -> tuple[int, dict[str, Any]]:
            if cluster.forbidden:
                return 403, {"kind": "Status", "reason": "Forbidden"}
            match self.command, parts:
                case "GET", ["namespaces", name]:
                    return (200, {"metadata": {"name": name}}) if name in cluster.namespaces else _missing()
                case "POST", ["namespaces"]:
                    cluster.namespaces.add(body["metadata"]["name"])
                    return 201, body
                case "GET", ["namespaces", namespace, "secrets", name]:
                    secret = cluster.secrets.get((namespace, name))
                    return (200, secret) if secret else _missing()
                case "POST", ["namespaces", namespace, "secrets"]:
                    return self._create(namespace, body)
                case "PATCH", ["namespaces", namespace, "secrets", name]:
                    return self._apply(namespace, name, body, query)
            return 404, {"kind": "Status", "reason": "NotFound"}

        def _create(self, namespace: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            key = (namespace, body["metadata"]["name"])
            if namespace not in cluster.namespaces:
                return _missing()
            if key in cluster.secrets:
                return 409, {"kind": "Status", "reason": "AlreadyExists"}
            cluster.secrets[key] = _stored(cluster, body)
            return 201, cluster.secrets[key]

        def _apply(self, namespace: str, name: str, body: dict[str, Any], query: str) -> tuple[int, dict[str, Any]]:
            secret = cluster.secrets[namespace, name]
            if cluster.interfere:
                cluster.interfere -= 1
                cluster.version += 1
                secret["metadata"]["resourceVersion"] = str(cluster.version)
            if "fieldManager=" not in query:
                return 400, {"kind": "Status", "reason": "BadRequest"}
            if body["metadata"].get("resourceVersion") != secret["metadata"]["resourceVersion"]:
                return 409, {"kind": "Status", "reason": "Conflict"}
            merged = {**secret, "data": {**secret["data"], **body["data"]}}
            annotations = {
                **(secret["metadata"].get("annotations") or {}),
                **(body["metadata"].get("annotations") or {}),
            }
            merged["metadata"] = {**secret["metadata"], "annotations": annotations}
            cluster.secrets[namespace, name] = _stored(cluster, merged)
            return 200, cluster.secrets[namespace, name]

    return Handler


def _missing() -> tuple[int, dict[str, Any]]:
    return 404, {"kind": "Status", "reason": "NotFound"}


def _stored(cluster: FakeCluster, body: dict[str, Any]) -> dict[str, Any]:
    cluster.version += 1
    return {**body, "metadata": {**body["metadata"], "resourceVersion": str(cluster.version)}}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    """A cluster with two contexts in its kubeconfig, `here` and `elsewhere`, of which only `here` answers."""
    fake = FakeCluster(kubeconfig=tmp_path / "kubeconfig")
    with serving(_handler(fake)) as url:
        servers = {"here": url, "elsewhere": "http://127.0.0.1:1"}
        contexts = [{"name": name, "context": {"cluster": name, "user": "somebody"}} for name in servers]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "elsewhere",
            "clusters": [{"name": name, "cluster": {"server": url}} for name, url in servers.items()],
            "users": [{"name": "somebody", "user": {}}],
            "contexts": contexts,
        }
        fake.kubeconfig.write_text(yaml.safe_dump(config))
        yield fake
