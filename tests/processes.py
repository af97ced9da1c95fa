"""Processes and servers that end with the test that started them, and conditions that tests wait for."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")
SECONDS = 300
"""Only what hangs takes as long as this, on a machine under heavy load too."""


@contextlib.contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A program in a process group of its own; no process of the group outlives the block."""
    with subprocess.Popen(command, text=True, process_group=0, **options) as process:
        try:
            yield process
        finally:
            # `harness run` ends a worker in a session of its own only if it may end in good order.
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, sign)
                    process.wait(timeout=60)


def descendants_named(process: psutil.Process, name: str) -> list[psutil.Process]:
    """Those that are there; a child may end between the listing and the question for its name."""

    def is_named(descendant: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return descendant.name() == name
        return False

    return [descendant for descendant in process.children(recursive=True) if is_named(descendant)]


class QuietHandler(BaseHTTPRequestHandler, ABC):
    @abstractmethod
    def answer(self) -> None: ...

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PATCH(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving(what: type[BaseHTTPRequestHandler] | HTTPServer) -> Iterator[str]:
    """Serves while the block runs, a handler's answers on a free port of this machine; gives the base URL."""
    server = what if isinstance(what, HTTPServer) else ThreadingHTTPServer(("127.0.0.1", 0), what)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(condition: Callable[[], T | None], what: str) -> T:
    """Waits until a condition is true; returns what it said then."""
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"no {what} after {SECONDS} s"
        time.sleep(0.02)
    return value
