"""The API on a socket: a thread for each connection, HTTP/1.1 with keep-alive, and faults of delivery."""

import errno
import http.server
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.errors import HarnessError
from harness.pipeline.mock_api import datafile
from harness.pipeline.mock_api.app import Application, Response
from harness.pipeline.mock_api.catalog import Breweries, Catalog, GeneratedBreweries, GivenBreweries
from harness.pipeline.mock_api.faults import FaultPlan
from harness.pipeline.mock_api.generator import Brewery

DEFAULT_BREWERIES: Final = 4000
DEFAULT_SEED: Final = 1
_MAX_BODY: Final = 1_000_000
_STOP_WITHIN: Final = 0.02
"""How often the accepting thread looks whether it should stop, in seconds."""
_STOP_SECONDS: Final = 2


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mock-api"
    disable_nagle_algorithm = True
    timeout = 120
    server: "_Server"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are counted, not printed."""

    def _answer(self) -> None:
        app = self.server.app
        with app.stats.request(self.path):
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > _MAX_BODY:
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            response = app.handle(self.command, self.path, self.rfile.read(int(length)))
            if response.delay_ms:
                self.server.stopping.wait(response.delay_ms / 1000)
        # Outside: a client that has its answer may send the next request before this thread runs again, and the two
        # would count as concurrent.
        self._deliver(response)

    def _deliver(self, response: Response) -> None:
        fault = response.delivery
        body = response.body
        how = (fault.name, *fault.options.values()) if fault else ()
        match how:
            case ("outage", _):
                self._cut(False)
            case ("cut", "before", reset):
                self._cut(bool(reset))
            case ("cut", _, reset):
                self._send(response, {"Content-Length": str(len(body))}, body[: len(body) // 2])
                self._cut(bool(reset))
            case ("truncated", "chunked"):
                half = body[: len(body) // 2]
                chunk = b"%x\r\n%s\r\n" % (len(half), half)
                self._send(response, {"Transfer-Encoding": "chunked"}, chunk)
                self._cut(False)
            case ("truncated", "short-length"):
                half = body[: len(body) // 2]
                self._send(response, {"Content-Length": str(len(half))}, half)
            case ("truncated", _):
                self._send(response, {"Connection": "close"}, body[: len(body) // 2])
                self._cut(False)
            case ("slow-drip", size, ms):
                self._send(response, {"Content-Length": str(len(body))}, b"")
                for start in range(0, len(body), max(1, size)):
                    self.wfile.write(body[start : start + max(1, size)])
                    if self.server.stopping.wait(ms / 1000):
                        self._cut(False)
                        return
            case _:
                self._send(response, {"Content-Length": str(len(body))}, body)

    def _send(self, response: Response, framing: dict[str, str], body: bytes) -> None:
        headers = {
            "Server": self.server_version,
            "Date": self.date_time_string(),
            "Content-Type": response.content_type,
            **response.headers,
            **framing,
        }
        status = HTTPStatus(response.status)
        lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        # One write for headers and body: two packets would wait for each other's acknowledgement.
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _cut(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # Closing with a zero linger time sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.close_hard(self.connection)


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: Application) -> None:
        self.app = app
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._threads_of_requests: set[threading.Thread] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The base class looks up the host's name here, which can take seconds and is used for nothing.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        arguments = (request, client_address)
        # A daemon: one that computes a response for long does not keep the process.
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        with self._open_lock:
            self._threads_of_requests = {other for other in self._threads_of_requests if other.is_alive()}
            self._threads_of_requests.add(thread)
            thread.start()

    def close_hard(self, connection: socket.socket) -> None:
        """Closes without the orderly shutdown that the base class does first."""
        with self._open_lock:
            self._open.discard(connection)
        connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no defect of the server."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Ends every connection and waits for their threads, but not for one that computes for long."""
        self.stopping.set()
        self.shutdown()
        with self._open_lock:
            connections, threads = list(self._open), list(self._threads_of_requests)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.EBADF):
                    raise
        self.server_close()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class MockApi:
    """The mock API, served from this process on a thread while the `with` block runs.

    Args:
        breweries: How many breweries to generate; without meaning where `data` is given.
        seed: Of the generated breweries and of what changes from day to day.
        day: The day to show first; 0 is the data itself.
        data: A CSV, JSON or JSON Lines file, or records, to serve as they are instead of generated breweries.
        simulate_changes: Change `data` from day to day, as generated breweries do.
        faults: Faults to switch on, as `NAME[:option=value,...]`; faults.KINDS lists them.
        latency_ms: Milliseconds before every answer of the API.
        old_format: Answer in the API's older format.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        clock: Seconds that an `outage` is measured in.
    """

    def __init__(
        self,
        *,
        breweries: int = DEFAULT_BREWERIES,
        seed: int = DEFAULT_SEED,
        day: int = 0,
        data: Path | list[Brewery] | None = None,
        simulate_changes: bool = False,
        faults: Iterable[str] = (),
        latency_ms: int = 0,
        old_format: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if data is None:
            initial: Breweries = GeneratedBreweries(seed, breweries)
        else:
            initial = GivenBreweries(datafile.read(data) if isinstance(data, Path) else data)
        self.catalog = Catalog(initial, seed, changes=data is None or simulate_changes)
        self.app = Application(
            self.catalog, FaultPlan(faults, clock), day=day, latency_ms=latency_ms, old_format=old_format
        )
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("The mock API has not been started.")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Base URL without a final slash; the API is below `/v1`."""
        host = "127.0.0.1" if self._address[0] in ("0.0.0.0", "") else self._address[0]  # noqa: S104 - compared only
        return f"http://{host}:{self.port}"

    @property
    def day(self) -> int:
        return self.app.day

    @day.setter
    def day(self, day: int) -> None:
        self.app.day = day

    def add_faults(self, *faults: str) -> None:
        self.app.plan.add(faults)

    def clear_faults(self, name: str | None = None) -> None:
        self.app.plan.clear(name)

    def stats(self) -> dict[str, Any]:
        """What `GET /__admin__/stats` answers."""
        return self.app.stats.as_json()

    def start(self) -> Self:
        """Listens and serves on a thread."""
        host, port = self._address
        try:
            self._server = _Server((host, port), self.app)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise HarnessError(
                    f"Port {port} on {host} is in use. Choose another with --port, or --port 0 for any free one."
                ) from None
            raise HarnessError(
                f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --host or --port."
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_WITHIN,), name=f"mock-api-{self.port}"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends every connection, frees the port and waits for the threads; does nothing when it does not run."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
