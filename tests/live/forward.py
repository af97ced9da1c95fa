"""Ports of the cluster's Services on this machine, by `kubectl port-forward`."""

import contextlib
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from harness.clusters.kind.kubectl import Kubectl
from tests.live.wait import until

_READY_SECONDS: Final = 300
_PAUSE_SECONDS: Final = 1.0


@dataclass
class _Forward:
    """One port; kubectl ends when its pod does, and is then started again for the Service's next pod."""

    command: list[str]
    port: int
    stopping: threading.Event = field(default_factory=threading.Event)
    process: "subprocess.Popen[bytes] | None" = None
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._keep, name=f"forward-{self.port}", daemon=True)
        self.thread.start()

    def _keep(self) -> None:
        while not self.stopping.is_set():
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            self.process.wait()
            self.stopping.wait(_PAUSE_SECONDS)

    def listens(self) -> bool | None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2):
            return True
        return None

    def renew(self) -> None:
        """Ends kubectl, which is then started again."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def stop(self) -> None:
        self.stopping.set()
        # The thread may be between two processes.
        while self.thread is not None and self.thread.is_alive():
            if self.process is not None:
                self.process.terminate()
            self.thread.join(timeout=0.2)


class Forwards:
    """The forwarded ports of one cluster; each keeps its local port for as long as this is open."""

    def __init__(self, cluster: Kubectl) -> None:
        self._cluster = cluster
        self._open: dict[tuple[str, str, int], _Forward] = {}

    def address(self, namespace: str, service: str, port: int) -> str:
        """`127.0.0.1:PORT` for a Service's port; the same for every call."""
        key = (namespace, service, port)
        forward = self._open.get(key)
        if forward is None:
            local = _free_port()
            command = [
                *self._cluster.command,
                "port-forward",
                f"--namespace={namespace}",
                f"service/{service}",
                f"{local}:{port}",
            ]
            forward = self._open[key] = _Forward(command, local)
            forward.start()
        _reached(forward, key)
        return f"127.0.0.1:{forward.port}"

    def renew(self, namespace: str) -> None:
        """Forwards a namespace's ports to the current pods of its Services.

        kubectl notices a lost pod only with the next connection, which fails.
        """
        for key, forward in self._open.items():
            if key[0] == namespace:
                forward.renew()
                _reached(forward, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for forward in self._open.values():
            forward.stop()


def _reached(forward: _Forward, key: tuple[str, str, int]) -> None:
    until(
        forward.listens,
        what=f"Service {key[0]}/{key[1]} can be reached through kubectl port-forward",
        seconds=_READY_SECONDS,
        clock=time.monotonic,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
