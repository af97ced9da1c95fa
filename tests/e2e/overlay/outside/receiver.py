"""Keeps what Alertmanager sends: POST to any path, GET all as [[path, notification], …]."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT: list[tuple[str, object]] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        KEPT.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps(KEPT).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Receiver).serve_forever()
