"""A local S3 server."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import started

# A process of its own: delta-rs lets no other thread of this one run while it waits for an answer.
_PROGRAM = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
signal.pause()
"""


@contextmanager
def s3_server() -> Iterator[str]:
    """Yields its URL."""
    with started([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
