"""A port of this machine that leads to a Service of the cluster, by `kubectl port-forward`."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_CHECK_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 1.0
LOOPBACK: Final = "127.0.0.1"


def forward_command(kubectl: Sequence[str], namespace: str, service: str, port: int, local: int) -> list[str]:
    where = (f"--namespace={namespace}", f"--address={LOOPBACK}")
    return [*kubectl, "port-forward", *where, f"service/{service}", f"{local}:{port}"]


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2):
        return True
    return False


@dataclass
class Forward:
    """One port; kubectl is started again, for the Service's next pod, when its pod is gone.

    kubectl notices that only with the next connection, which fails. So this one connects from time to time.
    """

    command: list[str]
    port: int
    check_seconds: float = _CHECK_SECONDS
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
            while not self._has_ended(self.process):
                listens(self.port)
            self.stopping.wait(_PAUSE_SECONDS)

    def _has_ended(self, process: "subprocess.Popen[bytes]") -> bool:
        try:
            process.wait(self.check_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

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
