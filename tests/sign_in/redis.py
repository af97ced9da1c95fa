"""As much of Redis as Argo CD needs to let somebody in: it answers, and remembers nothing."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ANSWERS = {b"PING": b"+PONG\r\n", b"SET": b"+OK\r\n", b"GET": b"$-1\r\n", b"SCAN": b"*2\r\n$1\r\n0\r\n*0\r\n"}
_UNKNOWN = b"-ERR unknown command\r\n"


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.readline():
            words = [self._word() for _ in range(int(head[1:]))]
            self.wfile.write(_ANSWERS.get(words[0].upper(), _UNKNOWN))

    def _word(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:-2]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def redis() -> Iterator[str]:
    """Serves while the block runs; its address."""
    with _Server(("127.0.0.1", 0), _Connection) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
