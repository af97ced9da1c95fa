"""A Kubernetes API server without a cluster: nothing runs there, and it keeps what it is given."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from harness.clusters.kind.kubectl import kubectl_program
from harness.clusters.without_registry.components import ETCD, KUBERNETES
from tests.live.forward import free_port
from tests.processes import started, wait_for
from tests.sign_in.authority import Files

TOKEN = secrets.token_hex(20)


@contextmanager
def api_server(folder: Path, files: Files) -> Iterator[Path]:
    """Runs one; a kubeconfig for it, with all rights."""
    store, peer, port = free_port(), free_port(), free_port()
    (folder / "tokens.csv").write_text(f"{TOKEN},test,test,system:masters\n", encoding="utf-8")
    etcd: list[str | Path] = [
        ETCD.programs() / "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{store}",
        f"--advertise-client-urls=http://127.0.0.1:{store}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]
    server: list[str | Path] = [
        KUBERNETES.programs() / "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.key}",
        f"--service-account-signing-key-file={files.key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
    ]
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(f"https://localhost:{port}", files.authority)), encoding="utf-8")
    log = folder / "api-server.log"
    with (
        log.open("w") as out,
        started(etcd, stdout=out, stderr=out),
        started(server, stdout=out, stderr=out) as process,
    ):

        def ready() -> bool | None:
            assert process.poll() is None, log.read_text(encoding="utf-8")[-1000:]
            return _is_ready(f"https://localhost:{port}/readyz", files.authority)

        wait_for(ready, "the API server is ready")
        yield kubeconfig


def apply(kubeconfig: Path, *sources: Path | dict[str, Any]) -> None:
    """Applies manifests: folders of files, or objects."""
    for source in sources:
        text = json.dumps(source) if isinstance(source, dict) else None
        command = [str(kubectl_program()), f"--kubeconfig={kubeconfig}", "apply", "--server-side"]
        subprocess.run(
            [*command, "-f", "-" if text else str(source)], input=text, text=True, check=True, capture_output=True
        )


def apply_once_defined(kubeconfig: Path, *objects: dict[str, Any]) -> None:
    """Applies objects whose definitions the server has just got."""

    def applied() -> bool | None:
        try:
            apply(kubeconfig, *objects)
        except subprocess.CalledProcessError:
            return None
        return True

    wait_for(applied, "the server knows the definitions")


def _is_ready(url: str, authority: Path) -> bool | None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        return requests.get(url, headers=headers, verify=str(authority), timeout=30).ok or None
    except requests.ConnectionError:
        return None


def _kubeconfig(url: str, authority: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here", "namespace": "cicd"}}],
        "users": [{"name": "here", "user": {"token": TOKEN}}],
    }
