"""Chart repositories and registries on this machine, honest and hostile ones."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def chart_archive(
    name: str, version: str, files: Mapping[str, str], links: Mapping[str, str] | None = None
) -> bytes:
    """A packed chart; the same content gives the same bytes."""
    described = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **files}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in described.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return gzip.compress(packed.getvalue(), mtime=0)


@dataclass
class ChartServer:
    """Answers by path, and notes what it was asked for."""

    origin: str = ""
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2]

    def add(self, path: str, content: bytes, **headers: str) -> None:
        self.answers[path] = (200, headers, content)

    def redirect(self, path: str, target: str) -> None:
        self.answers[path] = (302, {"Location": target}, b"")

    def index(self, entries: Mapping[str, list[dict[str, Any]]], folder: str = "") -> None:
        self.add(f"{folder}/index.yaml", yaml.safe_dump({"apiVersion": "v1", "entries": dict(entries)}).encode())

    def publish(self, name: str, archives: Mapping[str, bytes], folder: str = "") -> None:
        """Adds a chart's versions to an HTTP repository; the index has nothing else."""
        entries = []
        for version, content in archives.items():
            self.add(f"{folder}/{name}-{version}.tgz", content)
            digest = hashlib.sha256(content).hexdigest()
            entries.append({"version": version, "urls": [f"{name}-{version}.tgz"], "digest": digest})
        self.index({name: entries}, folder)

    def push(self, repository: str, archives: Mapping[str, bytes]) -> dict[str, str]:
        """Adds a chart's versions to a registry; returns the digests of their manifests."""
        digests = {}
        for version, content in archives.items():
            config = json.dumps({"name": repository.rpartition("/")[2], "version": version}).encode()
            layers = [self._blob(repository, content, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")]
            manifest = json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": _MANIFEST,
                    "config": self._blob(repository, config, "application/vnd.cncf.helm.config.v1+json"),
                    "layers": layers,
                }
            ).encode()
            digests[version] = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
            for reference in (version.replace("+", "_"), digests[version]):
                self.answers[f"/v2/{repository}/manifests/{reference}"] = (
                    200,
                    {"Content-Type": _MANIFEST, "Docker-Content-Digest": digests[version]},
                    manifest,
                )
        tags = [version.replace("+", "_") for version in archives]
        self.add(f"/v2/{repository}/tags/list", json.dumps({"name": repository, "tags": tags}).encode())
        return digests

    def _blob(self, repository: str, content: bytes, media_type: str) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.add(f"/v2/{repository}/blobs/{digest}", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


@contextmanager
def chart_server() -> Iterator[ChartServer]:
    described = ChartServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            described.asked.append(path)
            answer = described.answers.get(path, (404, {}, b""))
            status, headers, content = answer() if callable(answer) else answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if isinstance(content, bytes):
                self.send_header("Content-Length", str(len(content)))
                content = iter([content])
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if not with_body:
                return
            try:
                for part in content:
                    self.wfile.write(part)
                    self.wfile.flush()
            except OSError:
                self.close_connection = True  # the client has seen enough

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    described.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield described
    finally:
        server.shutdown()
        server.server_close()
