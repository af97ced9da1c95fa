"""Ports of the cluster's Services on this machine."""

import socket
from types import TracebackType
from typing import Final, Self

from harness.clusters.kind.forward import LOOPBACK, Forward, forward_command, listens
from harness.clusters.kind.kubectl import Kubectl
from tests.live.wait import until

_READY_SECONDS: Final = 300


class Forwards:
    """The forwarded ports of one cluster; each keeps its local port for as long as this is open."""

    def __init__(self, cluster: Kubectl) -> None:
        self._cluster = cluster
        self._open: dict[tuple[str, str, int], Forward] = {}

    def address(self, namespace: str, service: str, port: int) -> str:
        """`127.0.0.1:PORT` for a Service's port; the same for every call."""
        key = (namespace, service, port)
        forward = self._open.get(key)
        if forward is None:
            local = free_port()
            forward = Forward(forward_command(self._cluster.command, *key, local), local)
            self._open[key] = forward
            forward.start()
        _reached(forward, key)
        return f"{LOOPBACK}:{forward.port}"

    def renew(self, namespace: str) -> None:
        """Forwards a namespace's ports to the current pods of its Services, at once."""
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


def _reached(forward: Forward, key: tuple[str, str, int]) -> None:
    until(
        lambda: listens(forward.port) or None,
        what=f"Service {key[0]}/{key[1]} can be reached through kubectl port-forward",
        seconds=_READY_SECONDS,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
